// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/common/task_timer.hpp"

#include "core/blocked_signals.hpp"
#include "threading/orphans.hpp"

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
  struct Watch {
    CellRef task;
    std::chrono::nanoseconds every{};
    Look look;  // none: the task fails
  };

  void add(Deadline when, Watch watch) COEVAL_EXCLUDES(lock_) {
    const threading::Guard guard(lock_);
    const Cell* const key = watch.task.get();
    tasks_.emplace(std::pair(when, key), std::move(watch));
    if (when < asleep_until_) {
      changed_.notify();
    }
  }

  void remove(const Cell& task, Deadline when) noexcept COEVAL_EXCLUDES(lock_) {
    Watch removed;  // its end may destroy things: after the guard
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
        // What was due first may be gone by then: to wake once for nothing costs less than to be
        // told of each change.
        asleep_until_ = next;
        changed_.wait(next);
        asleep_until_ = Deadline(std::chrono::nanoseconds::zero());
        continue;
      }
      auto entry = tasks_.extract(tasks_.begin());
      guard.unlock();
      const bool again = is_to_see_again(entry.mapped());
      if (!again) {
        entry = {};  // it may destroy things: without the lock
      }
      guard.lock();
      if (again) {
        entry.key().first = Deadline(entry.mapped().every);
        tasks_.insert(std::move(entry));
      }
    }
  }

 private:
  static bool is_to_see_again(Watch& watch) {
    if (watch.look) {
      return watch.look(*watch.task);
    }
    fail_for_time(*watch.task);
    return false;
  }

  threading::Lock lock_;
  threading::Condition changed_{lock_};
  std::map<std::pair<Deadline, const Cell*>, Watch> tasks_ COEVAL_GUARDED_BY(lock_);
  // Passed while the thread is awake: it looks at all there is before it sleeps.
  Deadline asleep_until_ COEVAL_GUARDED_BY(lock_) = Deadline(std::chrono::nanoseconds::zero());
  bool ended_ COEVAL_GUARDED_BY(lock_) = false;
};

TaskTimer::TaskTimer(std::string name) : name_(std::move(name)) {}

TaskTimer::~TaskTimer() {
  std::optional<threading::Thread>
      thread;  // it may be in the program's code: joined without the lock
  {
    const threading::Guard guard(lock_);
    thread = std::move(thread_);
    if (schedule_ != nullptr) {
      schedule_->end();
    }
  }
  if (thread && threading::current_thread() != *thread) {
    thread->join();
  }
}

// With its thread. Raises std::system_error.
std::shared_ptr<TaskTimer::Schedule> TaskTimer::schedule() {
  const threading::Guard guard(lock_);
  if (!thread_) {
    // A daemon: an executor that is never destroyed must not keep the process from its end.
    auto made = std::make_shared<Schedule>();
    threading::Thread thread({.name = name_, .daemon = true}, [made] { made->run(); });
    const BlockedSignals blocked(BlockedSignals::For::own_threads);
    const threading::detail::KeepOrphans keep;
    thread.start();
    thread_ = std::move(thread);
    schedule_ = std::move(made);
  }
  return schedule_;
}

Deadline TaskTimer::watch(Cell& task) {
  const Deadline when(task.timeout());
  schedule()->add(when, {.task = CellRef(task), .every = {}, .look = {}});
  return when;
}

Deadline TaskTimer::watch(Cell& task, std::chrono::nanoseconds every, Look look) {
  const Deadline when(every);
  schedule()->add(when, {.task = CellRef(task), .every = every, .look = std::move(look)});
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
