// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Task groups, where it matters that there are other threads.

#include <coeval/executors/task_group.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace coeval {
namespace {

class TaskGroupOnThreadsTest : public testing::Test {
 protected:
  ThreadPoolExecutor pool_{{.max_workers = 2}};
};

TEST_F(TaskGroupOnThreadsTest, children_begin_before_anyone_waits) {
  threading::Event ran;
  TaskGroup group(pool_);
  group.run([&] { ran.set(); });
  ran.wait();
  group.wait();
}

TEST_F(TaskGroupOnThreadsTest, who_waits_runs_children_when_all_workers_are_occupied) {
  support::Occupied occupied(pool_);
  const auto here = std::this_thread::get_id();
  std::atomic<int> runs_here = 0;
  TaskGroup group(pool_);
  for (int i = 0; i < 100; ++i) {
    group.run([&] { runs_here += std::this_thread::get_id() == here ? 1 : 0; });
  }
  group.wait();
  EXPECT_EQ(runs_here, 100);
}

TEST_F(TaskGroupOnThreadsTest, a_child_that_takes_a_token_is_asked_to_stop_by_cancel) {
  threading::Event begun;
  TaskGroup group(pool_);
  group.run([&](const std::stop_token& stop) {
    begun.set();
    support::until([&] { return stop.stop_requested(); });
  });
  begun.wait();
  group.cancel();
  group.wait();
}

TEST_F(TaskGroupOnThreadsTest, and_by_an_exception_of_another_child) {
  threading::Event begun;
  TaskGroup group(pool_);
  group.run([&](const std::stop_token& stop) {
    begun.set();
    support::until([&] { return stop.stop_requested(); });
  });
  begun.wait();
  group.run([] { throw std::runtime_error("other"); });
  EXPECT_THROW(group.wait(), ExceptionGroup);
}

TEST_F(TaskGroupOnThreadsTest, and_by_an_exception_in_the_block_of_the_group) {
  threading::Event begun;
  const auto block = [&] {
    TaskGroup group(pool_);
    group.run([&](const std::stop_token& stop) {
      begun.set();
      support::until([&] { return stop.stop_requested(); });
    });
    begun.wait();
    throw std::runtime_error("block");
  };
  EXPECT_THROW(block(), std::runtime_error);
}

TEST_F(TaskGroupOnThreadsTest, cancel_from_another_thread) {
  threading::Event begun;
  TaskGroup group(pool_);
  group.run([&](const std::stop_token& stop) {
    begun.set();
    support::until([&] { return stop.stop_requested(); });
  });
  const std::jthread other([&] {
    begun.wait();
    group.cancel();
  });
  group.wait();
  EXPECT_TRUE(group.cancelled());
}

TEST_F(TaskGroupOnThreadsTest, children_that_have_not_begun_at_cancel_do_not_run) {
  support::Occupied occupied(pool_);
  TaskGroup group(pool_);
  for (int i = 0; i < 100; ++i) {
    group.run([] { FAIL(); });
  }
  group.cancel();
  group.wait();
}

TEST_F(TaskGroupOnThreadsTest, after_shutdown_run_raises) {
  pool_.shutdown();
  TaskGroup group(pool_);
  EXPECT_THROW(group.run([] { FAIL(); }), RuntimeError);
  EXPECT_THROW(group.run([] { FAIL(); }), RuntimeError);
  group.wait();
}

TEST_F(TaskGroupOnThreadsTest, shutdown_in_a_child_waits_for_nobody_and_all_children_run) {
  for (int round = 0; round < 50; ++round) {
    ThreadPoolExecutor pool({.max_workers = 2});
    std::atomic<int> runs = 0;
    TaskGroup group(pool);
    for (int i = 0; i < 20; ++i) {
      group.run([&] { ++runs; });
    }
    pool.shutdown({.wait = false});
    group.wait();
    ASSERT_EQ(runs, 20);
  }
}

thread_local int from_initializer = 0;

TEST(TaskGroupWithInitializerTest, only_threads_that_ran_it_run_children) {
  ThreadPoolExecutor pool({.max_workers = 2}, [] { from_initializer = 42; });
  std::atomic<int> runs = 0;
  const auto children = [&] {
    TaskGroup group(pool);
    for (int i = 0; i < 100; ++i) {
      group.run([&] {
        EXPECT_EQ(from_initializer, 42);
        ++runs;
      });
    }
    group.wait();
  };
  children();
  pool.submit(children).result();
  EXPECT_EQ(runs, 200);
}

TEST_F(TaskGroupOnThreadsTest, the_statistics_count_each_child_as_a_task) {
  TaskGroup group(pool_);
  for (int i = 0; i < 100; ++i) {
    group.run([] {});
  }
  group.wait();
  pool_.shutdown();
  const ExecutorStats stats = pool_.stats();
  EXPECT_EQ(stats.submitted, 100U);
  EXPECT_EQ(stats.completed, 100U);
  EXPECT_EQ(stats.queued, 0U);
  EXPECT_EQ(stats.running, 0U);
}

std::string logged;  // written before the test's thread goes on

TEST_F(TaskGroupOnThreadsTest, errors_that_nobody_waited_for_are_logged) {
  logged.clear();
  const LogHandler before =
      set_log_handler([](Severity, std::string_view, std::string_view text) { logged = text; });
  {
    TaskGroup group(pool_);
    group.run([] { throw std::runtime_error("unheard"); });
  }
  set_log_handler(before);
  EXPECT_NE(logged.find("unheard"), std::string::npos) << logged;
}

// Many threads that fork, steal, cancel and raise, all at once.
TEST_F(TaskGroupOnThreadsTest, a_storm_of_groups) {
  std::atomic<int> runs = 0;
  const auto storm = [&] {
    for (int round = 0; round < 100; ++round) {
      TaskGroup group(pool_);
      for (int i = 0; i < 10; ++i) {
        group.run([&, i] {
          TaskGroup inner(pool_);
          inner.run([&] { ++runs; });
          inner.run([&, i] {
            if (i == 7) {
              throw std::runtime_error("seventh");
            }
          });
          if (i == 3) {
            inner.cancel();
          }
          inner.wait();
        });
      }
      EXPECT_THROW(group.wait(), ExceptionGroup);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 3; ++thread) {
      threads.emplace_back(storm);
    }
  }
  pool_.shutdown();
  EXPECT_GT(runs, 0);
  const ExecutorStats stats = pool_.stats();
  EXPECT_EQ(stats.completed + stats.failed + stats.cancelled, stats.submitted);
}

}  // namespace
}  // namespace coeval
