// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/pool.hpp>

#include "executors/processes/pool/process_pool.hpp"

#include <coeval/futures/detail/submit.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {

void throw_not_ready() {
  throw ValueError(
      "coeval::multiprocessing::AsyncResult::successful: the result is not ready; wait() for it");
}

Lead::Lead(const MapOptions& options, std::size_t workers, const MapPace* pace) noexcept
    : pace_(pace),
      ahead_(options.buffersize != 0 ? options.buffersize
                                     : coeval::detail::inputs_ahead(workers, options.chunksize)),
      batch_(options.chunksize),
      enough_(std::numeric_limits<std::size_t>::max()),
      finds_ahead_(options.buffersize == 0 && pace != nullptr),
      finds_batch_(finds_ahead_ && options.chunksize == 1),
      order_(workers == 1 ? Arrivals::Order::as_watched : Arrivals::Order::as_done) {
  if (options.eager) {
    ahead_ = std::numeric_limits<std::size_t>::max();
  }
}

std::size_t Lead::find_room(std::size_t outstanding) noexcept {
  // Relaxed: hints.
  if (finds_ahead_) {
    ahead_ = std::max(ahead_, pace_->ahead.load(std::memory_order_relaxed));
  }
  if (finds_batch_) {
    batch_ = pace_->batch.load(std::memory_order_relaxed);
  }
  const std::size_t batch = std::min(batch_, ahead_);
  enough_ = ahead_ - std::max(batch, ahead_ / 4);
  if (outstanding > enough_) {
    return 0;
  }
  const std::size_t room = ahead_ - outstanding;
  return finds_batch_ ? room / batch * batch : room;
}

bool Lead::is_short() const noexcept {
  return pace_ != nullptr && pace_->batch.load(std::memory_order_relaxed) > 1;
}

}  // namespace detail

Pool::Pool(const PoolOptions& options) : executor_(executor_options(options)) {}

Pool::~Pool() = default;

ProcessPoolOptions Pool::executor_options(const PoolOptions& options) {
  const auto require = [](std::optional<int> number, std::string_view what) {
    if (number && *number < 1) {
      throw ValueError(fmt::format("coeval::multiprocessing::Pool: {} must be at least 1, not {}",
                                   what, *number));
    }
  };
  require(options.processes, "processes");
  require(options.maxtasksperchild, "maxtasksperchild");
  static atomic<unsigned> pools{0};  // counts, and orders nothing: relaxed
  return {.max_workers = options.processes,
          .name = !options.name.empty()
                      ? options.name
                      : fmt::format("Pool-{}", pools.fetch_add(1, std::memory_order_relaxed)),
          .max_tasks_per_child = options.maxtasksperchild};
}

void Pool::require_chunk(std::size_t chunksize) {
  if (chunksize == 0) {
    throw ValueError("coeval::multiprocessing::Pool: chunksize must be at least 1");
  }
}

void Pool::require_running() const {
  if (state_.load(std::memory_order_relaxed) != State::running) {
    throw ValueError(
        fmt::format("Pool not running: '{}' was closed or terminated; make another one",
                    executor_.stats().name));
  }
}

void Pool::close() noexcept {
  State expected = State::running;
  state_.compare_exchange_strong(expected, State::closed, std::memory_order_relaxed,
                                 std::memory_order_relaxed);
}

void Pool::terminate() {
  state_.store(State::terminated, std::memory_order_relaxed);
  executor_.backend()->process_pool()->terminate();
}

void Pool::join() {
  if (state_.load(std::memory_order_relaxed) == State::running) {
    throw ValueError(fmt::format("Pool is still running: close() or terminate() '{}' first",
                                 executor_.stats().name));
  }
  executor_.shutdown();
}

std::string to_string(const Pool& pool) {
  constexpr std::string_view states[] = {"running", "closed", "terminated"};
  const ExecutorStats stats = pool.executor_.stats();
  return fmt::format("<Pool {} {}, {} processes>", stats.name,
                     states[static_cast<int>(pool.state_.load(std::memory_order_relaxed))],
                     stats.max_workers);
}

}  // namespace coeval::multiprocessing
