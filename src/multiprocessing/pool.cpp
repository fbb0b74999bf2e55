// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/pool.hpp>

#include "executors/process_pool.hpp"

#include <coeval/futures/detail/wait_helper.hpp>

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {

void throw_not_ready() {
  throw ValueError(
      "coeval::multiprocessing::AsyncResult::successful: the result is not ready; wait() for it");
}

void Arrivals::expect(std::size_t number) {
  const threading::Guard guard(lock_);
  if (after_.size() <= number) {
    after_.resize(number + 1, none);
  }
}

void Arrivals::put(std::size_t number) noexcept {
  const threading::Guard guard(lock_);
  after_[number] = none;
  (oldest_ == none ? oldest_ : after_[newest_]) = number;
  newest_ = number;
  come_.notify();
}

std::optional<std::size_t> Arrivals::take(Deadline deadline) {
  std::optional<coeval::detail::SleepNotice> sleep;  // its end may take locks: after the guard
  threading::Guard guard(lock_);
  while (oldest_ == none) {
    if (!sleep) {
      guard.unlock();
      sleep.emplace();
      guard.lock();
    } else if (!come_.wait(deadline) && oldest_ == none) {
      return std::nullopt;
    }
  }
  return std::exchange(oldest_, after_[oldest_]);
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
