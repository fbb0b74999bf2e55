// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The threads of a ThreadPool: how they start, park, find tasks and end.

#include "executors/threads/thread_pool.hpp"

#include "core/blocked_signals.hpp"
#include "threading/orphans.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/futures/detail/wait_helper.hpp>

#include <fmt/format.h>

#include <cxxabi.h>

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

namespace coeval::detail {

bool ThreadPool::may_start_thread() const {
  return workers_.size() - asleep_ - ending_ < max_workers_ &&
         workers_.size() < std::min(max_workers_, most_threads) + most_spare_threads;
}

// Keeps may_provide_ and surplus true to the numbers. Sequentially consistent: invariant 2.
void ThreadPool::note_change() noexcept {
  const bool may_provide = !idle_.empty() || may_start_thread();
  if (may_provide_.load(std::memory_order_relaxed) != may_provide) {
    may_provide_.store(may_provide, std::memory_order_seq_cst);
  }
  const bool too_many = workers_.size() - asleep_ - ending_ > max_workers_;
  if (((state_.load(std::memory_order_relaxed) & surplus) != 0) != too_many) {
    // Relaxed: must_end() looks again under the lock.
    if (too_many) {
      state_.fetch_or(surplus, std::memory_order_relaxed);
    } else {
      state_.fetch_and(~surplus, std::memory_order_relaxed);
    }
  }
}

Worker* ThreadPool::provide_worker() {
  // A wake costs far more than a task. One worker at a time is on its way; it provides the next one
  // if it finds more than its own task.
  if (searching_.load(std::memory_order_seq_cst) != 0) {
    return nullptr;
  }
  if (!idle_.empty()) {
    Worker* const worker = idle_.back();
    idle_.pop_back();
    begin_search(*worker);
    note_change();
    return worker;
  }
  if (may_start_thread()) {
    start_worker();
  }
  return nullptr;
}

void ThreadPool::provide_if_possible() noexcept {
  Worker* idle = nullptr;
  {
    const threading::Guard guard(lock_);
    try {
      idle = provide_worker();
    } catch (...) {
      // The threads there are will do.
    }
  }
  if (idle != nullptr) {
    idle->wake();
  }
}

void ThreadPool::start_worker() {
  workers_.reserve(workers_.size() + 1);
  idle_.reserve(workers_.size() + 1);   // so that parking cannot fail
  Lane* const lane = lanes_.acquire();  // there is one for each thread that may be started
  const struct Search {
    explicit Search(ThreadPool& p, Lane& l) : pool(p), lane(l) {
      pool.searching_.fetch_add(one_searching, std::memory_order_seq_cst);
    }
    ~Search() {
      if (!started) {
        pool.searching_.fetch_sub(one_searching, std::memory_order_seq_cst);
        pool.lanes_.release(lane);
      }
    }
    ThreadPool& pool;
    Lane& lane;
    mutable bool started = false;
  } search(*this, *lane);
  const auto worker = std::make_shared<Worker>(*this, *lane, made_);
  threading::Thread thread({.name = fmt::format("{}_{}", name_, made_), .stack_size = stack_size_},
                           [pool = shared_from_this(), worker] { Worker::run(pool, worker); });
  const BlockedSignals blocked(BlockedSignals::For::user_threads);
  const threading::detail::KeepOrphans keep;  // the constructor joins them, without the lock
  thread.start();
  search.started = true;
  worker->thread_ = std::move(thread);
  ++made_;
  workers_.push_back(worker);
  note_change();
}

void ThreadPool::pin(const Worker& worker) noexcept {
  if (pinned_to_.empty()) {
    return;
  }
  const int cpu = pinned_to_[worker.number_ % pinned_to_.size()];
  const int error = pin_this_thread(cpu);
  if (error == 0 || warned_of_pinning_.exchange(true, std::memory_order_relaxed)) {
    return;
  }
  try {
    log(Severity::warning, "coeval.executors",
        fmt::format("pool '{}' cannot pin its workers: processor {}: {}", name_, cpu,
                    std::system_category().message(error)));
  } catch (const std::bad_alloc&) {
    log(Severity::warning, "coeval.executors", "a pool cannot pin its workers");
  }
}

bool ThreadPool::initialize(Worker& worker) {
  const struct Phase {
    Phase(ThreadPool& p, Worker& worker) : pool(p) {
      // It may take long, so others are started meanwhile as if this one had its task already.
      threading::Guard guard(pool.lock_);
      ++pool.initializing_;
      pool.searching_.fetch_sub(uncount(worker), std::memory_order_seq_cst);
      const bool more = pool.queued() > pool.initializing_;
      guard.unlock();
      if (more) {
        pool.provide_if_possible();
      }
    }
    ~Phase() {
      const threading::Guard guard(pool.lock_);
      --pool.initializing_;
    }
    ThreadPool& pool;
  } phase(*this, worker);
  try {
    initializer_();
    return true;
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    break_pool(std::current_exception());
    return false;
  }
}

// Invariant 2: first it counts as idle and no longer as searching, then it looks once more.
void ThreadPool::park(Worker& worker) {
  threading::Guard guard(lock_);
  idle_.push_back(&worker);
  note_change();
  searching_.fetch_sub(uncount(worker), std::memory_order_seq_cst);
  if (is(closed | broken | surplus) || has_work()) {
    idle_.pop_back();
    note_change();
    begin_search(worker);
    return;
  }
  guard.unlock();
  worker.bundle_ = 1;  // what comes next may be slow, and is to start in its order
  worker.sleep_until_woken();
}

bool ThreadPool::must_end(Worker& worker) noexcept {
  if (!is(broken | surplus)) [[likely]] {
    return false;
  }
  const threading::Guard guard(lock_);
  if (broken_ == nullptr && workers_.size() - asleep_ - ending_ <= max_workers_) {
    return false;
  }
  worker.ending_ = true;
  ++ending_;
  note_change();
  return true;
}

void ThreadPool::note_asleep() noexcept {
  {
    const threading::Guard guard(lock_);
    ++asleep_;
    if (max_occupied_ != 0) {
      --occupied_;
      room_.notify();
    }
    note_change();
  }
  if (has_work() && needs_worker()) {
    provide_if_possible();
  }
}

void ThreadPool::note_awake() noexcept {
  const threading::Guard guard(lock_);
  --asleep_;
  if (max_occupied_ != 0) {
    ++occupied_;
  }
  note_change();
}

void ThreadPool::remove_worker(Worker& worker) noexcept {
  // Only a task that ended its thread, or a worker too many, leaves tasks of its own behind.
  std::vector<Queued> left;
  try {
    left.reserve(worker.lane_.deque.size());
    while (const Queued task = worker.lane_.deque.take_oldest()) {
      left.push_back(task);
    }
  } catch (const std::bad_alloc&) {
    // They stay in the lane, where thieves find them.
  }
  for (const Queued task : injector_.give_back(std::move(left))) {
    worker.lane_.deque.push(task);  // where it was a moment ago, so there is room
  }
  {
    const threading::Guard guard(lock_);
    ended_times_ += worker.times();
    const auto place = std::ranges::find(workers_, &worker, &std::shared_ptr<Worker>::get);
    try {
      ended_.push_back(std::move(worker.thread_));
    } catch (const std::bad_alloc&) {
      // Nobody joins it before the end of the process, then.
    }
    if (worker.ending_) {
      --ending_;
    }
    workers_.erase(place);
    note_change();
  }
  lanes_.release(worker.lane_);
  searching_.fetch_sub(uncount(worker), std::memory_order_seq_cst);
  if (has_work() && needs_worker()) {
    provide_if_possible();
    if (has_no_worker()) {
      log(Severity::error, "coeval.executors",
          fmt::format(
              "pool '{}' lost its last thread and cannot start another; its {} tasks wait for "
              "the next submit",
              name_, queued()));
    }
  }
}

bool ThreadPool::has_no_worker() const noexcept {
  const threading::Guard guard(lock_);
  return workers_.empty();
}

void ThreadPool::break_pool(const std::exception_ptr& cause) noexcept {
  const std::string reason = describe(cause);
  log(Severity::critical, "coeval.executors",
      fmt::format("Exception in initializer of pool '{}': {}", name_, reason));
  const auto error = std::make_exception_ptr(BrokenThreadPool(fmt::format(
      "pool '{}' is broken: its initializer failed in a new thread: {}", name_, reason)));
  {
    const threading::Guard guard(lock_);
    broken_ = error;  // so that who finds the injector closed knows why
  }
  injector_.close();
  {
    const threading::Guard guard(lock_);
    state_.fetch_or(closed | dropping | broken, std::memory_order_acq_rel);  // invariant 5
    wake_all_idle();
    room_.notify_all();
  }
  drop_all();
}

void ThreadPool::wake_all_idle() {
  for (Worker* const worker : idle_) {
    begin_search(*worker);
    worker->wake();
  }
  idle_.clear();  // and keeps its memory, so that parking cannot fail
  note_change();
}

void ThreadPool::join_workers() {
  if (Worker::of_this_thread(*this) != nullptr) {
    return;
  }
  const SleepNotice sleep;
  for (;;) {
    std::vector<threading::Thread> threads;
    {
      const threading::Guard guard(lock_);
      threads = std::exchange(ended_, {});
      for (const auto& worker : workers_) {
        threads.push_back(worker->thread_);
      }
    }
    if (threads.empty()) {
      return;
    }
    for (const threading::Thread& thread : threads) {
      thread.join();
    }
  }
}

}  // namespace coeval::detail
