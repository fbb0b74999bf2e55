// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/detail/map_chunk.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/futures/detail/nesting.hpp>
#include <coeval/futures/detail/wait_helper.hpp>

#include <fmt/format.h>

namespace coeval::detail {

MapChunk::MapChunk(std::size_t most) : published_(new atomic<bool>[most]) {}

bool MapChunk::wait_for(std::uint32_t element, Deadline deadline) {
  if (is_published(element)) [[likely]] {
    return true;
  }
  if (WaitHelper* const helper = current_wait_helper(); helper != nullptr && deadline.is_never()) {
    const FreshNesting fresh;
    while (!is_published(element) && helper->help(*this)) {
    }
  }
  if (is_published(element) || deadline.expired()) {
    return is_published(element);
  }
  const SleepNotice notice;
  while (true) {
    // Acquire, and before watch(): a telling that follows what watch() set changes the word again.
    const std::uint32_t seen = tellings_.load(std::memory_order_acquire);
    progress_.watch();
    if (is_published(element)) {
      return true;
    }
    if (!tellings_.wait(seen, deadline)) {
      return is_published(element);
    }
  }
}

void MapChunk::tell_reader() noexcept {
  tellings_.fetch_add(1, std::memory_order_release);
  tellings_.notify_all();
}

void MapChunk::leave(std::uint32_t published) noexcept {
  // Acquire and release: the last one ends what the others have written.
  if (published != 0 && left_.fetch_sub(published, std::memory_order_acq_rel) == published) {
    finish();
  }
}

std::exception_ptr MapChunk::cancelled_error() const {
  return std::make_exception_ptr(
      CancelledError(fmt::format("{} was cancelled before it ran", title())));
}

// Of a chunk that was cancelled, or failed, before any element was run. After a run there is nothing
// to drop: each element has dropped its own.
void MapChunk::drop_callable() noexcept {
  const State now = state();
  const bool was_cancelled = now == State::cancelled || now == State::cancelled_and_notified;
  if (!was_cancelled && error() == nullptr) {
    return;
  }
  const std::exception_ptr error_of_all = was_cancelled ? cancelled_error() : error();
  for (std::uint32_t element = 0; element != size(); ++element) {
    fail_element(element, error_of_all);
    publish(element);
  }
  if (progress_.tell_each()) {
    tell_reader();
  }
}

}  // namespace coeval::detail
