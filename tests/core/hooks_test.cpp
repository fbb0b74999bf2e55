// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/hooks.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coeval {
namespace {

struct Seen {
  TaskEvent event;
  const void* task;
  std::string name;
  std::string executor;
};

class Recorder final : public TaskObserver {
 public:
  void on_task(const TaskNotice& notice) noexcept override {
    const std::lock_guard guard(mutex_);
    seen_.push_back(
        {notice.event, notice.task, std::string(notice.name), std::string(notice.executor)});
  }

  std::vector<Seen> seen() const {
    const std::lock_guard guard(mutex_);
    return seen_;
  }

  // The events of the task of this name, in their order.
  std::vector<TaskEvent> events(const std::string& name) const {
    std::vector<TaskEvent> events;
    for (const Seen& one : seen()) {
      if (one.name == name) {
        events.push_back(one.event);
      }
    }
    return events;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
};

// The recorder outlives the executors of the tests.
class HooksTest : public testing::Test {
 protected:
  HooksTest() : before_(set_task_observer(&recorder_)) {}
  ~HooksTest() override { set_task_observer(before_); }

  Recorder& recorder_ = *new_recorder();

 private:
  static Recorder* new_recorder() {
    static auto& all = *new std::vector<Recorder*>;
    return all.emplace_back(new Recorder);
  }

  TaskObserver* before_;
};

using Events = std::vector<TaskEvent>;

int give(int n) {
  return n;
}
int raise_error() {
  throw std::runtime_error("task");
}

TEST_F(HooksTest, setting_an_observer_returns_the_one_before) {
  EXPECT_EQ(set_task_observer(nullptr), &recorder_);
  EXPECT_EQ(set_task_observer(&recorder_), nullptr);
}

TEST_F(HooksTest, a_task_of_a_pool_is_seen_from_submit_to_finish) {
  {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "watched"});
    pool.with({.name = "good"}).submit(give, 1).result();
  }
  EXPECT_EQ(recorder_.events("good"),
            (Events{TaskEvent::submit, TaskEvent::start, TaskEvent::finish}));
  for (const Seen& one : recorder_.seen()) {
    EXPECT_EQ(one.executor, "watched");
  }
}

TEST_F(HooksTest, a_task_that_raises_is_seen_to_fail) {
  {
    ThreadPoolExecutor pool({.max_workers = 1});
    EXPECT_THROW(pool.with({.name = "bad"}).submit(raise_error).result(), std::runtime_error);
  }
  EXPECT_EQ(recorder_.events("bad"),
            (Events{TaskEvent::submit, TaskEvent::start, TaskEvent::fail}));
}

TEST_F(HooksTest, a_task_of_the_inline_executor_is_seen_too) {
  InlineExecutor pool("here");
  pool.with({.name = "good"}).submit(give, 1);
  pool.with({.name = "bad"}).submit(raise_error);
  EXPECT_EQ(recorder_.events("good"),
            (Events{TaskEvent::submit, TaskEvent::start, TaskEvent::finish}));
  EXPECT_EQ(recorder_.events("bad"),
            (Events{TaskEvent::submit, TaskEvent::start, TaskEvent::fail}));
  EXPECT_EQ(recorder_.seen().front().executor, "here");
}

TEST_F(HooksTest, a_cancelled_task_is_seen_to_be_cancelled_and_never_to_start) {
  threading::Event gate;
  {
    ThreadPoolExecutor pool({.max_workers = 1});
    const auto occupied = pool.submit([&gate] { gate.wait(); });
    const auto pending = pool.with({.name = "pending"}).submit(give, 1);
    EXPECT_TRUE(pending.cancel());
    gate.set();
  }
  EXPECT_EQ(recorder_.events("pending"), (Events{TaskEvent::submit, TaskEvent::cancel}));
}

TEST_F(HooksTest, a_task_that_ends_its_thread_is_seen_to_fail) {
  {
    ThreadPoolExecutor pool({.max_workers = 1});
    pool.with({.name = "gone"}).submit([] { pthread_exit(nullptr); }).wait();
  }
  EXPECT_EQ(recorder_.events("gone"),
            (Events{TaskEvent::submit, TaskEvent::start, TaskEvent::fail}));
}

TEST_F(HooksTest, a_task_that_a_broken_pool_fails_is_seen_to_fail) {
  const LogHandler before = set_log_handler([](Severity, std::string_view, std::string_view) {});
  {
    ThreadPoolExecutor pool({.max_workers = 1}, [] { throw std::runtime_error("initializer"); });
    const auto future = pool.with({.name = "failed"}).submit(give, 1);
    EXPECT_THROW(future.result(), BrokenThreadPool);
  }
  set_log_handler(before);
  const Events events = recorder_.events("failed");
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front(), TaskEvent::submit);
  EXPECT_EQ(events.back(), TaskEvent::fail);
}

TEST_F(HooksTest, the_notices_of_one_task_have_one_identity) {
  {
    ThreadPoolExecutor pool({.max_workers = 2});
    const auto first = pool.with({.name = "first"}).submit(give, 1);
    const auto second = pool.with({.name = "second"}).submit(give, 2);
  }
  std::map<std::string, const void*> tasks;
  for (const Seen& one : recorder_.seen()) {
    EXPECT_EQ(tasks.emplace(one.name, one.task).first->second, one.task);
  }
  EXPECT_EQ(tasks.size(), 2U);
  EXPECT_NE(tasks["first"], tasks["second"]);
}

TEST_F(HooksTest, a_task_without_a_name_has_an_empty_one) {
  InlineExecutor pool;
  pool.submit(give, 1);
  ASSERT_FALSE(recorder_.seen().empty());
  EXPECT_EQ(recorder_.seen().front().name, "");
}

TEST_F(HooksTest, nothing_is_told_without_an_observer) {
  set_task_observer(nullptr);
  InlineExecutor pool;
  pool.submit(give, 1);
  EXPECT_TRUE(recorder_.seen().empty());
}

}  // namespace
}  // namespace coeval
