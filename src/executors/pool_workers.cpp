// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The threads of a ThreadPool: how they start, park, find tasks and end.

#include "executors/thread_pool.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/futures/detail/wait_helper.hpp>

#include <fmt/format.h>

#include <cxxabi.h>

#include <algorithm>
#include <new>
#include <utility>

namespace coeval::detail {
namespace {

// Threads beyond max_workers, in the place of those that sleep in a wait.
constexpr std::size_t most_spare_threads = 256;

// A worker looks into the pool's queue before its own after so many tasks, so that a task which
// keeps submitting others does not starve those from outside.
constexpr std::size_t tasks_between_looks = 61;

}  // namespace

bool ThreadPool::may_start_thread() const {
  return workers_.size() - asleep_ < max_workers_ &&
         workers_.size() < max_workers_ + most_spare_threads;
}

Worker* ThreadPool::provide_worker() {
  // A wake costs far more than a task. One worker at a time is on its way; it provides the next one
  // if it finds more than its own task.
  if (coming_ > 0) {
    return nullptr;
  }
  if (!idle_.empty()) {
    Worker* const worker = idle_.back();
    idle_.pop_back();
    worker->coming_ = true;
    ++coming_;
    return worker;
  }
  if (may_start_thread()) {
    start_worker();
  }
  return nullptr;
}

Worker* ThreadPool::provide_worker_if_possible() noexcept {
  try {
    return provide_worker();
  } catch (...) {
    return nullptr;
  }
}

void ThreadPool::start_worker() {
  const auto worker = std::make_shared<Worker>(*this);
  workers_.reserve(workers_.size() + 1);
  idle_.reserve(workers_.size() + 1);  // so that parking cannot fail
  threading::Thread thread({.name = fmt::format("{}_{}", name_, made_)},
                           [pool = shared_from_this(), worker] { Worker::run(pool, worker); });
  thread.start();
  worker->thread_ = std::move(thread);
  ++made_;
  ++coming_;
  workers_.push_back(worker);
}

bool ThreadPool::initialize(Worker& worker) {
  const struct Phase {
    Phase(ThreadPool& p, Worker& w) : pool(p) {
      threading::Guard guard(pool.lock_);
      // It may take long, so others are started meanwhile as if this one had its task already.
      pool.note_arrival(w);
      ++pool.initializing_;
      Worker* const next =
          pool.queued() > pool.initializing_ ? pool.provide_worker_if_possible() : nullptr;
      guard.unlock();
      if (next != nullptr) {
        next->wake();
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

CellRef ThreadPool::next_task(Worker& worker) {
  threading::Guard guard(lock_);
  while (!must_end()) {
    note_arrival(worker);
    if (CellRef task = take_task(worker)) {
      note_room();
      Worker* const next = queued() > 0 ? provide_worker_if_possible() : nullptr;
      guard.unlock();
      if (next != nullptr) {
        next->wake();
      }
      return task;
    }
    if (closed_) {
      break;
    }
    idle_.push_back(&worker);
    guard.unlock();
    worker.park();
    guard.lock();
  }
  return {};
}

void ThreadPool::note_arrival(Worker& worker) {
  if (worker.coming_) {
    worker.coming_ = false;
    --coming_;
  }
}

bool ThreadPool::must_end() const {
  return broken_ != nullptr || workers_.size() - asleep_ > max_workers_;
}

CellRef ThreadPool::take_task(Worker& worker) {
  const bool own_first = !queue_.is_urgent() && ++worker.looks_ % tasks_between_looks != 0;
  if (own_first) {
    if (CellRef task = take_own(worker)) {
      return task;
    }
  }
  if (CellRef task = queue_.pop()) {
    return task;
  }
  if (CellRef task = take_own(worker)) {
    return task;
  }
  for (std::size_t i = 0; own_tasks_ > 0 && i < workers_.size(); ++i) {
    steal_from_ = (steal_from_ + 1) % workers_.size();
    if (CellRef task = take_own(*workers_[steal_from_])) {
      return task;
    }
  }
  return {};
}

CellRef ThreadPool::take_own(Worker& worker) {
  if (worker.own_.empty()) {
    return {};
  }
  CellRef task = std::move(worker.own_.front().task);
  worker.own_.pop_front();
  --own_tasks_;
  return task;
}

void ThreadPool::remove_worker(Worker& worker) noexcept {
  const threading::Guard guard(lock_);
  note_arrival(worker);
  ended_totals_ += worker.totals();
  // Only a task that ended its thread leaves tasks of its own behind.
  for (auto& own : worker.own_) {
    queue_.push(std::move(own.task));
    --own_tasks_;
  }
  worker.own_.clear();
  const auto place = std::ranges::find(workers_, &worker, &std::shared_ptr<Worker>::get);
  try {
    ended_.push_back(std::move(worker.thread_));
  } catch (const std::bad_alloc&) {
    // Nobody joins it before the end of the process, then.
  }
  workers_.erase(place);
  if (queued() > 0) {
    if (Worker* const idle = provide_worker_if_possible()) {
      idle->wake();
    } else if (workers_.empty()) {
      log(Severity::error, "coeval.executors",
          fmt::format(
              "pool '{}' lost its last thread and cannot start another; its {} tasks wait for "
              "the next submit",
              name_, queued()));
    }
  }
}

void ThreadPool::break_pool(const std::exception_ptr& cause) noexcept {
  const std::string reason = describe(cause);
  log(Severity::critical, "coeval.executors",
      fmt::format("Exception in initializer of pool '{}': {}", name_, reason));
  const auto error = std::make_exception_ptr(BrokenThreadPool(fmt::format(
      "pool '{}' is broken: its initializer failed in a new thread: {}", name_, reason)));
  std::vector<CellRef> failed;
  {
    const threading::Guard guard(lock_);
    broken_ = error;
    failed = take_all();
    wake_all_idle();
    room_.notify_all();
  }
  std::ptrdiff_t claimed = 0;
  for (const CellRef& task : failed) {
    if (fail_task(*task, error, name_, counts_)) {
      continue;
    }
    if (task->state() == State::cancelled_and_notified) {
      counts_.count_cancelled();
    } else {
      ++claimed;
    }
  }
  const threading::Guard guard(lock_);
  claimed_ -= claimed;
}

void ThreadPool::wake_all_idle() {
  for (Worker* const worker : idle_) {
    worker->coming_ = true;
    ++coming_;
    worker->wake();
  }
  idle_.clear();  // and keeps its memory, so that parking cannot fail
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

void shut_down_at_exit(const std::shared_ptr<ThreadPool>& pool) {
  struct Pools {
    threading::Lock lock;
    std::vector<std::weak_ptr<ThreadPool>> alive COEVAL_GUARDED_BY(lock);
    bool registered COEVAL_GUARDED_BY(lock) = false;
  };
  // Never destroyed: pools may be made and end at any time of the process's life.
  static Pools& pools = *new Pools;
  const threading::Guard guard(pools.lock);
  std::erase_if(pools.alive, [](const auto& one) { return one.expired(); });
  pools.alive.push_back(pool);
  if (!pools.registered) {
    threading::detail::register_at_exit([] {
      threading::Guard at_exit(pools.lock);
      const auto alive = std::exchange(pools.alive, {});
      at_exit.unlock();
      for (const auto& one : alive) {
        if (const auto left = one.lock()) {
          left->shutdown({});
        }
      }
    });
    pools.registered = true;
  }
}

}  // namespace coeval::detail
