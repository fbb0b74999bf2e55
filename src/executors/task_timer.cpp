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
  task.set_error(std::make_exception_ptr(TimeoutError(fmt::format(
      "{} ran longer than its timeout of {}; a thread cannot be killed, so its function goes on until "
      "it returns or looks at its stop_token",
      task.title(), readable(task.timeout())))));
  task.finish();
  task.stop();
}

}  // namespace

class TaskTimer::Schedule {
 public:
  void add(CellRef task, Deadline when) COEVAL_EXCLUDES(lock_) {
    const threading::Guard guard(lock_);
    const bool first = tasks_.empty() || when < tasks_.begin()->first;
    tasks_.emplace(when, std::move(task));
    if (first) {
      changed_.notify();
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
      const Deadline next = tasks_.empty() ? never : tasks_.begin()->first;
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
  std::multimap<Deadline, CellRef> tasks_ COEVAL_GUARDED_BY(lock_);
  bool ended_ COEVAL_GUARDED_BY(lock_) = false;
};

TaskTimer::TaskTimer(std::string name) : name_(std::move(name)) {}

TaskTimer::~TaskTimer() {
  const threading::Guard guard(lock_);
  if (schedule_ != nullptr) {
    schedule_->end();
  }
  thread_.reset();
}

void TaskTimer::watch(Cell& task) {
  const Deadline when(task.timeout());
  std::shared_ptr<Schedule> schedule;
  {
    const threading::Guard guard(lock_);
    if (!thread_) {
      schedule_ = std::make_shared<Schedule>();
      thread_.emplace(threading::ThreadOptions{.name = name_},
                      [schedule = schedule_] { schedule->run(); });
      try {
        thread_->start();
      } catch (...) {
        thread_.reset();
        throw;
      }
    }
    schedule = schedule_;
  }
  schedule->add(CellRef(task), when);
}

}  // namespace coeval::detail
