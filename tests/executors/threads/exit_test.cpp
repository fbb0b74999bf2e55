// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Pools that are alive when the process ends. Each statement runs in a process of its own.

#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace coeval {
namespace {

std::atomic<int> runs = 0;
ThreadPoolExecutor* pool_at_exit = nullptr;

void say(const char* text) {
  std::fputs(text, stderr);
}

// A pool that nobody destroys.
ThreadPoolExecutor& immortal(const ThreadPoolOptions& options) {
  pool_at_exit = new ThreadPoolExecutor(options);
  return *pool_at_exit;
}

[[noreturn]] void exit_with_queued_tasks() {
  ThreadPoolExecutor& pool = immortal({.max_workers = 2});
  for (int i = 0; i < 1000; ++i) {
    pool.submit([] {
      if (++runs == 1000) {
        say("a thousand ran\n");
      }
    });
  }
  std::exit(0);
}

[[noreturn]] void exit_with_a_static_pool() {
  static ThreadPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 100; ++i) {
    pool.submit([] {
      if (++runs == 100) {
        say("a hundred ran\n");
      }
    });
  }
  std::exit(0);
}

[[noreturn]] void exit_with_a_static_handle() {
  static AnyExecutor pool = make_executor("threads:2");
  for (int i = 0; i < 100; ++i) {
    pool.submit([] {
      if (++runs == 100) {
        say("a hundred ran\n");
      }
    });
  }
  std::exit(0);
}

[[noreturn]] void submit_after_the_pools_have_ended() {
  // Registered before the library registers its own, so it runs after it.
  std::atexit([] {
    try {
      pool_at_exit->submit([] {});
    } catch (const RuntimeError& error) {
      say(error.what());
    }
  });
  immortal({.max_workers = 1}).submit([] {}).result();
  std::exit(0);
}

[[noreturn]] void exit_with_idle_workers() {
  immortal({.max_workers = 2}).submit([] {}).result();
  say("idle\n");
  std::exit(0);
}

[[noreturn]] void exit_with_a_timer() {
  immortal({.max_workers = 2}).with({.timeout = std::chrono::hours(1)}).submit([] {}).result();
  say("timed\n");
  std::exit(0);
}

[[noreturn]] void exit_with_an_inline_timer() {
  static InlineExecutor executor;
  executor.with({.timeout = std::chrono::hours(1)}).submit([] {}).result();
  say("timed\n");
  std::exit(0);
}

[[noreturn]] void exit_in_a_task() {
  ThreadPoolExecutor& pool = immortal({.max_workers = 2});
  pool.submit([] {
        say("leaving\n");
        std::exit(3);
      })
      .wait();
  std::abort();
}

[[noreturn]] void exit_in_a_task_while_others_run() {
  static threading::Event gate;
  ThreadPoolExecutor& pool = immortal({.max_workers = 2});
  pool.submit([] {
    gate.wait();
    say("the other ended\n");
  });
  pool.submit([] {
        gate.set();
        std::exit(3);
      })
      .wait();
  std::abort();
}

// The child is queued when the exit begins, and its parent, which has the only worker, waits for it
// after that.
[[noreturn]] void exit_while_a_worker_waits_for_its_child() {
  static threading::Event submitted;
  static threading::Event leaving;
  ThreadPoolExecutor& pool = immortal({.max_workers = 1});
  pool.submit([&pool] {
    const Future<int> child = pool.submit([] { return 1; });
    submitted.set();
    leaving.wait();
    say(child.result() == 1 ? "the child ran\n" : "?");
  });
  submitted.wait();
  std::atexit([] { leaving.set(); });  // before what the library has registered
  std::exit(0);
}

// The same, but the parent submits when the pools have begun to end.
[[noreturn]] void exit_while_a_worker_submits() {
  static threading::Event begun;
  ThreadPoolExecutor& pool = immortal({.max_workers = 1});
  pool.submit([&pool] {
    begun.set();
    try {
      while (true) {  // until the end has begun
        pool.submit([] {}).wait();
      }
    } catch (const RuntimeError& error) {
      say(error.what());
    }
  });
  begun.wait();
  std::exit(0);
}

TEST(ProcessExit, drains_a_pool_that_is_alive) {
  EXPECT_EXIT(exit_with_queued_tasks(), testing::ExitedWithCode(0), "a thousand ran");
}

TEST(ProcessExit, drains_a_static_pool) {
  EXPECT_EXIT(exit_with_a_static_pool(), testing::ExitedWithCode(0), "a hundred ran");
}

TEST(ProcessExit, drains_the_pool_of_a_static_handle) {
  EXPECT_EXIT(exit_with_a_static_handle(), testing::ExitedWithCode(0), "a hundred ran");
}

TEST(ProcessExit, a_submit_after_the_drain_raises) {
  EXPECT_EXIT(submit_after_the_pools_have_ended(), testing::ExitedWithCode(0),
              "cannot schedule new futures after shutdown");
}

TEST(ProcessExit, ends_idle_workers) {
  EXPECT_EXIT(exit_with_idle_workers(), testing::ExitedWithCode(0), "idle");
}

TEST(ProcessExit, ends_the_timer_of_a_pool) {
  EXPECT_EXIT(exit_with_a_timer(), testing::ExitedWithCode(0), "timed");
}

TEST(ProcessExit, ends_the_timer_of_an_inline_executor) {
  EXPECT_EXIT(exit_with_an_inline_timer(), testing::ExitedWithCode(0), "timed");
}

TEST(ProcessExit, in_a_task_does_not_hang) {
  EXPECT_EXIT(exit_in_a_task(), testing::ExitedWithCode(3), "leaving");
}

TEST(ProcessExit, in_a_task_lets_the_others_finish) {
  EXPECT_EXIT(exit_in_a_task_while_others_run(), testing::ExitedWithCode(3), "the other ended");
}

TEST(ProcessExit, drains_nested_tasks) {
  EXPECT_EXIT(exit_while_a_worker_waits_for_its_child(), testing::ExitedWithCode(0),
              "the child ran");
}

TEST(ProcessExit, refuses_what_a_task_submits_after_the_end_has_begun) {
  EXPECT_EXIT(exit_while_a_worker_submits(), testing::ExitedWithCode(0),
              "cannot schedule new futures after shutdown");
}

}  // namespace
}  // namespace coeval
