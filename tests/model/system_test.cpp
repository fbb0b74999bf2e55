// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/system.hpp"

#include "model/locals.hpp"
#include "model/model.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <stdexcept>

namespace {

using model::check;
using model::Execution;
using model::explore;
using model::Result;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using namespace std::chrono_literals;

struct Shared {
  coeval::atomic<int> count{0};
  model::var<int> data{0, "data"};
};

void* add_one(void* shared) {
  static_cast<Shared*>(shared)->count.fetch_add(1, memory_order_relaxed);
  static_cast<Shared*>(shared)->count.fetch_add(1, memory_order_relaxed);
  return nullptr;
}

void* write_data(void* shared) {
  static_cast<Shared*>(shared)->data.write(7);
  return nullptr;
}

TEST(ModelSystem, a_thread_that_the_library_creates_is_a_thread_of_the_execution) {
  const Result result = explore({.preemptions = model::unlimited}, [](Execution&) {
    Shared shared;
    pthread_t one{};
    pthread_t two{};
    check(coeval::sys().thread_create(&one, 0, add_one, &shared) == 0, "created");
    check(coeval::sys().thread_create(&two, 0, add_one, &shared) == 0, "created");
    check(coeval::sys().thread_set_name(one, "one") == 0, "named");
    check(coeval::sys().thread_join(one) == 0, "joined");
    check(coeval::sys().thread_join(two) == 0, "joined");
    check(shared.count.load(memory_order_relaxed) == 4, "both have run");
  });
  EXPECT_TRUE(result.ok() && result.complete) << result.report();
  EXPECT_GE(result.executions, 6U);
}

TEST(ModelSystem, a_join_makes_all_that_the_thread_did_visible) {
  const auto body = [](bool joined) {
    return [joined](Execution&) {
      Shared shared;
      pthread_t thread{};
      coeval::sys().thread_create(&thread, 0, write_data, &shared);
      if (joined) {
        coeval::sys().thread_join(thread);
      }
      shared.data.read();
      coeval::sys().thread_join(thread);
    };
  };
  EXPECT_TRUE(explore({}, body(true)).ok());
  EXPECT_NE(explore({}, body(false)).failure.find("data race"), std::string::npos);
}

TEST(ModelSystem, time_passes_only_by_timeouts) {
  const Result result = explore({}, [](Execution& x) {
    x.thread("sleeper", [] {
      coeval::atomic<int> never_set{0};
      const std::int64_t before = coeval::sys().monotonic_ns();
      const coeval::Deadline deadline = 250ms;
      check(!deadline.expired(), "there is time");
      check(coeval::sys().monotonic_ns() == before, "the clock stands still");
      while (never_set.wait(0, deadline)) {
      }
      check(deadline.expired(), "the time is up");
      check(coeval::sys().monotonic_ns() - before == 250'000'000, "exactly");
    });
    x.run();
  });
  EXPECT_TRUE(result.ok() && result.complete) << result.report();
}

TEST(ModelSystem, threads_have_numbers) {
  std::set<pid_t> ids;
  const Result result = explore({}, [&](Execution& x) {
    check(model::thread_id() == 0, "the body is 0");
    for (int i = 1; i <= 2; ++i) {
      const auto handle = x.thread("thread", [&ids, i] {
        check(model::thread_id() == i, "the others follow");
        ids.insert(coeval::sys().gettid());
      });
      check(handle.id() == i, "a handle knows its number");
    }
    x.run();
  });
  EXPECT_TRUE(result.ok()) << result.report();
  EXPECT_EQ(ids.size(), 2U);
  EXPECT_EQ(model::thread_id(), 0);
  EXPECT_EQ(&coeval::sys(), &coeval::kernel());
}

thread_local int local_number = 5;
thread_local const void* local_pointer = nullptr;

TEST(ModelSystem, thread_locals_can_be_each_threads_own) {
  const auto body = [](Execution& x) {
    coeval::atomic<int> turn{0};
    for (int i = 1; i <= 2; ++i) {
      x.thread("thread", [&turn, i] {
        check(local_number == 5 && local_pointer == nullptr, "a new thread's values");
        local_number = i;
        local_pointer = &turn;
        turn.fetch_add(1, memory_order_relaxed);
        turn.fetch_add(1, memory_order_relaxed);
        check(local_number == i, "its own value");
      });
    }
    x.run();
    check(local_number == 5, "the body has its own, too");
  };
  if (!model::thread_locals_supported) {
    EXPECT_THROW(explore({.thread_locals = true}, body), std::logic_error);
    GTEST_SKIP() << "a sanitizer keeps its own state among the thread_locals";
  }
  local_number = 9;
  const Result result = explore({.thread_locals = true}, body);
  EXPECT_TRUE(result.ok() && result.complete) << result.report();
  EXPECT_EQ(local_number, 9);
  local_number = 5;
  EXPECT_FALSE(explore({}, body).ok());  // shared by all fibers
  local_number = 5;
  local_pointer = nullptr;
}

}  // namespace
