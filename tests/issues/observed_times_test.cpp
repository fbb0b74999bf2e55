// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Observers learn when a task began and ended, wherever it ran: a timeline is drawn from that.

#include "executors/processes/support.hpp"

#include <coeval/core/hooks.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::ProcessPoolExecutor;
using coeval::TaskEvent;
using Clock = std::chrono::steady_clock;

class Times final : public coeval::TaskObserver {
 public:
  void on_task(const coeval::TaskNotice& notice) noexcept override {
    const std::lock_guard guard(mutex_);
    times_.emplace_back(notice.event, notice.time);
  }
  // Of the one task that there was.
  Clock::time_point of(TaskEvent event) const {
    const std::lock_guard guard(mutex_);
    for (const auto& [seen, time] : times_) {
      if (seen == event) {
        return time;
      }
    }
    ADD_FAILURE() << "no such event";
    return {};
  }
  std::size_t count() const {
    const std::lock_guard guard(mutex_);
    return times_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<TaskEvent, Clock::time_point>> times_;
};

// Observers live as long as the executors they watched, and some are there to the end.
class ObservedTimes : public testing::Test {
 protected:
  ObservedTimes() : before_(coeval::set_task_observer(&times_)) {}
  ~ObservedTimes() override { coeval::set_task_observer(before_); }

  Times& times_ = *new_times();

 private:
  static Times* new_times() {
    static auto& all = *new std::vector<Times*>;
    return all.emplace_back(new Times);
  }
  coeval::TaskObserver* before_;
};

std::int64_t now_ns() {
  return Clock::now().time_since_epoch().count();
}

// When the function saw itself begin, and end.
std::vector<std::int64_t> note_times() {
  std::vector<std::int64_t> times{now_ns()};
  until([&] { return now_ns() > times.front() + 2'000'000; });
  times.push_back(now_ns());
  return times;
}

Clock::time_point point(std::int64_t ns) {
  return Clock::time_point(std::chrono::nanoseconds(ns));
}

template <class Executor>
void expect_true_times(Executor& executor, const Times& times) {
  const Clock::time_point before = Clock::now();
  const std::vector<std::int64_t> seen = executor.submit(note_times).result();
  until([&] { return times.count() == 3; });
  EXPECT_LE(before, times.of(TaskEvent::submit));
  EXPECT_LE(times.of(TaskEvent::submit), times.of(TaskEvent::start));
  EXPECT_LE(times.of(TaskEvent::start), point(seen.front()));
  EXPECT_LE(point(seen.back()), times.of(TaskEvent::finish));
  EXPECT_LE(times.of(TaskEvent::finish), Clock::now());
}

TEST_F(ObservedTimes, of_a_task_in_a_process_are_its_own) {
  ProcessPoolExecutor pool({.max_workers = 1});
  expect_true_times(pool, times_);
}
TEST_F(ObservedTimes, of_a_task_in_a_thread_are_its_own) {
  coeval::ThreadPoolExecutor pool({.max_workers = 1});
  expect_true_times(pool, times_);
}
TEST_F(ObservedTimes, of_a_task_in_the_caller_are_its_own) {
  coeval::InlineExecutor executor("here");
  expect_true_times(executor, times_);
}

// Its end is told by nobody: it ended before the pool noticed.
TEST_F(ObservedTimes, of_a_task_that_kills_its_process_show_how_long_it_ran) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers told(2);
  const auto victim = pool.submit(
      [](const SharedNumbers& tell) {
        const std::vector<std::int64_t> times = note_times();
        tell.set(0, times.front());
        tell.set(1, times.back());
        ::_exit(3);
      },
      told);
  EXPECT_THROW(victim.result(), coeval::WorkerDied);
  EXPECT_LE(times_.of(TaskEvent::submit), times_.of(TaskEvent::start));
  EXPECT_LE(times_.of(TaskEvent::start), point(told.get(0)));
  EXPECT_LE(point(told.get(1)), times_.of(TaskEvent::fail));
}

}  // namespace
}  // namespace process_pool_test
