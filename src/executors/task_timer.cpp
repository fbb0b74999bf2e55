// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/task_timer.hpp"

#include <coeval/core/errors.hpp>

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <map>
#include <utility>

namespace coeval::detail {
namespace {

// "1.5s" rather than "1500000000ns".
std::string readable(std::chrono::nanoseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

void fail_for_time(Cell& task) noexcept {
  if (!task.try_settle()) {
    return;
  }
  task.set_error(std::make_exception_ptr(
      TimeoutError(fmt::format("{} ran longer than its timeout of {}; a thread cannot be killed, "
                               "so its function goes on until "
                               "it returns or looks at its stop_token",
                               task.title(), readable(task.timeout())))));
  task.finish();
  task.stop(true);
}

}  // namespace

class TaskTimer::Schedule {
 public:
  void add(CellRef task, Deadline when) COEVAL_EXCLUDES(lock_) {
    const threading::Guard guard(lock_);
    const Cell* const key = task.get();
    const auto place = tasks_.emplace(std::pair(when, key), std::move(task)).first;
    if (place == tasks_.begin()) {
      changed_.notify();
    }
  }

  void remove(const Cell& task, Deadline when) noexcept COEVAL_EXCLUDES(lock_) {
    CellRef removed;  // its end may destroy things: after the guard
    const threading::Guard guard(lock_);
    if (auto entry = tasks_.extract(std::pair(when, &task))) {
      removed = std::move(entry.mapped());
    }
  }

  void end() COEVAL_EXCLUDES(lock_) {
    const threading::Guard guard(lock_);
    ended_ = true;
    changed_.notify();
  }

  // The thread's work. Callbacks of the failed futures run here, without the lock.
  void run() COEVAL_EXCLUDES(lock_) {
    threading::Guard guard(lock_);
    while (!ended_) {
      const Deadline next = tasks_.empty() ? never : tasks_.begin()->first.first;
      if (!next.expired()) {
        changed_.wait(next);
        continue;
      }
      const CellRef task = std::move(tasks_.extract(tasks_.begin()).mapped());
      guard.unlock();
      fail_for_time(*task);
      guard.lock();
    }
  }

 private:
  threading::Lock lock_;
  threading::Condition changed_{lock_};
  std::map<std::pair<Deadline, const Cell*>, CellRef> tasks_ COEVAL_GUARDED_BY(lock_);
  bool ended_ COEVAL_GUARDED_BY(lock_) = false;
};

TaskTimer::TaskTimer(std::string name) : name_(std::move(name)) {}

TaskTimer::~TaskTimer() {
  const threading::Guard guard(lock_);
  if (schedule_ != nullptr) {
    schedule_->end();
    if (threading::current_thread() != *thread_) {
      thread_->join();
    }
  }
}

Deadline TaskTimer::watch(Cell& task) {
  const Deadline when(task.timeout());
  std::shared_ptr<Schedule> schedule;
  {
    const threading::Guard guard(lock_);
    if (!thread_) {
      // A daemon: an executor that is never destroyed must not keep the process from its end.
      auto made = std::make_shared<Schedule>();
      threading::Thread thread({.name = name_, .daemon = true}, [made] { made->run(); });
      thread.start();
      thread_ = std::move(thread);
      schedule_ = std::move(made);
    }
    schedule = schedule_;
  }
  schedule->add(CellRef(task), when);
  return when;
}

void TaskTimer::forget(const Cell& task, Deadline when) noexcept {
  std::shared_ptr<Schedule> schedule;
  {
    const threading::Guard guard(lock_);
    schedule = schedule_;
  }
  schedule->remove(task, when);
}

}  // namespace coeval::detail
