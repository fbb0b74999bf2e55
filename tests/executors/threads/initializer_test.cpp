// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The initializer of a ThreadPoolExecutor, and the pool that it breaks.

#include <coeval/executors/thread_pool_executor.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace coeval {
namespace {

class InitializerTest : public testing::Test {
 protected:
  InitializerTest() : before_(set_log_handler(&remember)) {
    const std::lock_guard guard(mutex);
    lines.clear();
  }
  ~InitializerTest() override { set_log_handler(before_); }

  static std::vector<std::string> logged() {
    const std::lock_guard guard(mutex);
    return lines;
  }

 private:
  static void remember(Severity severity, std::string_view source, std::string_view text) {
    const std::lock_guard guard(mutex);
    lines.push_back((severity == Severity::critical ? "critical " : "other ") +
                    std::string(source) + ": " + std::string(text));
  }

  static inline std::mutex mutex;
  static inline std::vector<std::string> lines;
  LogHandler before_;
};

thread_local std::string greeting;

void set_greeting(const std::string& text, int number) {
  greeting = text + std::to_string(number);
}
void fail() {
  throw std::runtime_error("no licence");
}

TEST_F(InitializerTest, runs_in_each_worker_before_its_first_task) {
  std::atomic<int> calls = 0;
  ThreadPoolExecutor pool({.max_workers = 3}, [&calls] { ++calls; });
  EXPECT_EQ(calls, 0);
  const support::Occupied occupied(pool);
  EXPECT_EQ(calls, 3);
}

TEST_F(InitializerTest, gets_its_arguments) {
  ThreadPoolExecutor pool({.max_workers = 2}, set_greeting, std::string("hello"), 7);
  EXPECT_EQ(pool.submit([] { return greeting; }).result(), "hello7");
}

TEST_F(InitializerTest, that_raises_breaks_the_pool) {
  ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "licensed"}, fail);
  const auto future = pool.submit([] { return 1; });
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const BrokenThreadPool& error) {
    EXPECT_NE(std::string(error.what()).find("'licensed'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("std::runtime_error: no licence"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(pool.submit([] { return 1; }), BrokenThreadPool);
  EXPECT_THROW(pool.submit([] { return 1; }), BrokenExecutor);
  EXPECT_THROW(pool.try_submit([] { return 1; }), RuntimeError);
  EXPECT_THROW(list(pool.map([](int n) { return n; }, std::vector{1})), BrokenThreadPool);
}

TEST_F(InitializerTest, that_raises_is_logged_as_critical) {
  ThreadPoolExecutor pool({.max_workers = 1}, fail);
  pool.submit([] {}).wait();
  const auto logs = logged();
  ASSERT_EQ(logs.size(), 1U);
  EXPECT_TRUE(logs[0].starts_with("critical coeval.executors: Exception in initializer"))
      << logs[0];
  EXPECT_NE(logs[0].find("no licence"), std::string::npos) << logs[0];
}

TEST_F(InitializerTest, that_raises_fails_all_pending_tasks) {
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 1}, [&gate] {
    gate.wait();
    fail();
  });
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) {
    futures.push_back(pool.submit([] { return 1; }));
  }
  gate.set();
  for (const Future<int>& future : futures) {
    EXPECT_THROW(future.result(), BrokenThreadPool);
    EXPECT_FALSE(future.cancelled());
  }
  pool.shutdown();
  EXPECT_EQ(pool.stats().failed, 10U);
  EXPECT_EQ(pool.stats().queued, 0U);
}

TEST_F(InitializerTest, that_raises_in_a_later_worker_lets_the_running_tasks_finish) {
  std::atomic<int> calls = 0;
  threading::Event started;
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 2}, [&calls] {
    if (++calls == 2) {
      fail();
    }
  });
  const auto running = pool.submit([&] {
    started.set();
    gate.wait();
    return 1;
  });
  started.wait();
  const auto pending = pool.submit([] { return 2; });
  EXPECT_THROW(pending.result(), BrokenThreadPool);
  EXPECT_FALSE(running.done());
  gate.set();
  EXPECT_EQ(running.result(), 1);
}

TEST_F(InitializerTest, that_raises_wakes_a_task_that_waits_for_a_pending_one) {
  std::atomic<int> calls = 0;
  ThreadPoolExecutor pool({.max_workers = 2}, [&calls] {
    if (++calls == 2) {
      fail();
    }
  });
  const auto outer = pool.submit([&pool] {
    try {
      // Another worker is started for it, and breaks the pool; or this worker runs it first.
      return pool.submit([] { return 2; }).result(std::chrono::hours(1));
    } catch (const BrokenThreadPool&) {
      return 2;
    }
  });
  EXPECT_EQ(outer.result(), 2);
}

TEST_F(InitializerTest, that_raises_releases_a_submitter_that_waits_for_room) {
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 1, .max_queue = 1}, [&gate] {
    gate.wait();
    fail();
  });
  const auto queued = pool.submit([] {});
  std::thread submitter([&pool] {
    EXPECT_THROW(
        {
          for (;;) {
            pool.submit([] {});
          }
        },
        BrokenThreadPool);
  });
  gate.set();
  submitter.join();
  EXPECT_THROW(queued.result(), BrokenThreadPool);
}

TEST_F(InitializerTest, that_raises_lets_the_pool_be_shut_down) {
  ThreadPoolExecutor pool({.max_workers = 4}, fail);
  pool.submit([] {}).wait();
  pool.shutdown();
  pool.shutdown({.cancel_futures = true});
  EXPECT_EQ(pool.stats().workers, 0U);
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST_F(InitializerTest, that_raises_what_is_no_standard_exception_breaks_the_pool_too) {
  ThreadPoolExecutor pool({.max_workers = 1}, [] { throw 42; });
  EXPECT_THROW(pool.submit([] {}).result(), BrokenThreadPool);
}

TEST_F(InitializerTest, that_raises_drops_the_arguments_of_the_pending_tasks) {
  const auto token = std::make_shared<int>(1);
  ThreadPoolExecutor pool({.max_workers = 1}, fail);
  const auto future = pool.submit([](const std::shared_ptr<int>& n) { return *n; }, token);
  EXPECT_THROW(future.result(), BrokenThreadPool);
  pool.shutdown();
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(InitializerTest, is_destroyed_with_the_pool) {
  const auto token = std::make_shared<int>(1);
  {
    ThreadPoolExecutor pool({.max_workers = 2}, [token] {});
    pool.submit([] {}).result();
    EXPECT_GT(token.use_count(), 1);
  }
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace coeval
