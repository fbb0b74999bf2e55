// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/expect.hpp"
#include "model/planted.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace {

using model::check;
using model::Execution;
using model::expect_all;
using model::expect_failure;
using model::explore;
using model::Result;
using namespace planted;  // NOLINT: the memory orders and the objects under test
using namespace std::chrono_literals;

TEST(Wait, a_spinning_thread_lets_the_others_go_on) {
  const Result result = explore({.preemptions = 0}, [](Execution& x) {
    coeval::atomic<int> flag{0};
    for (const char* name : {"one", "two"}) {
      x.thread(name, [&] {
        while (flag.load(memory_order_acquire) == 0) {
          coeval::spin_pause();
        }
      });
    }
    x.thread("setter", [&] { flag.store(1, memory_order_release); });
    x.run();
  });
  expect_all(result);
}

TEST(Wait, a_spinning_thread_looks_again_after_each_write) {
  std::set<std::pair<bool, int>> seen;
  const Result result = explore({.preemptions = 1}, [&](Execution& x) {
    coeval::atomic<int> flag{0};
    x.thread("spinner", [&] {
      bool paused = false;
      int value = 0;
      while ((value = flag.load(memory_order_acquire)) == 0) {
        paused = true;
        coeval::spin_pause();
      }
      seen.emplace(paused, value);
    });
    x.thread("setter", [&] {
      flag.store(1, memory_order_release);
      flag.store(2, memory_order_release);
    });
    x.run();
  });
  expect_all(result);
  EXPECT_TRUE(seen.contains({true, 1}));
  EXPECT_TRUE(seen.contains({true, 2}));
}

TEST(Wait, a_timeout_is_a_choice) {
  // Whether the time is up before, after or instead of the notify: each happens.
  std::set<std::pair<bool, int>> outcomes;
  const Result result = explore({}, [&](Execution& x) {
    coeval::atomic<int> flag{0};
    x.thread("waiter", [&] {
      const coeval::Deadline deadline = 10ms;
      const bool in_time = flag.wait(0, deadline);
      check(in_time || deadline.expired(), "after a timeout the deadline has passed");
      outcomes.emplace(in_time, flag.load(memory_order_acquire));
    });
    x.thread("setter", [&] {
      flag.store(1, memory_order_release);
      flag.notify_one();
    });
    x.run();
  });
  expect_all(result);
  const std::set<std::pair<bool, int>> expected{{true, 1}, {false, 0}, {false, 1}};
  EXPECT_EQ(outcomes, expected);
}

TEST(Wait, a_wait_whose_deadline_nobody_beats_times_out) {
  const Result result = explore({.timeouts = 0}, [](Execution& x) {
    coeval::atomic<int> flag{0};
    x.thread("waiter", [&] {
      check(!flag.wait(0, 1h), "nobody wakes it");
      check(!flag.wait(0, 0s), "a poll does not sleep");
      check(flag.wait(1, 0s), "another value returns at once");
    });
    x.run();
  });
  expect_all(result);
  EXPECT_EQ(result.executions, 1U);
}

TEST(Wait, notify_one_may_wake_any_of_the_sleepers) {
  std::set<std::pair<int, std::string>> woken;  // how many slept, and who was chosen
  const Result result = explore({.preemptions = 0}, [&](Execution& x) {
    coeval::atomic<int> flag{0};
    int asleep = 0;
    int slept = 0;
    for (const char* name : {"a", "b", "c"}) {
      x.thread(name, [&, name] {
        ++asleep;
        flag.wait(0, coeval::never);
        if (flag.load(memory_order_acquire) == 0) {
          woken.emplace(slept, name);
        }
      });
    }
    x.thread("waker", [&] {
      slept = asleep;
      flag.notify_one();
      coeval::spin_pause();  // the one that was chosen may go first
      flag.store(1, memory_order_release);
      flag.notify_all();
    });
    x.run();
  });
  expect_all(result);
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_TRUE(woken.contains({3, name})) << name;
  }
}

TEST(Wait, a_wait_that_trusts_its_wakeup_is_found) {
  const auto trusting = [](Execution& x) {
    coeval::atomic<int> flag{0};
    x.thread("waiter", [&] {
      flag.wait(0, coeval::never);
      check(flag.load(memory_order_acquire) == 1, "the flag is set");
    });
    x.thread("setter", [&] {
      flag.store(1, memory_order_release);
      flag.notify_one();
    });
    x.run();
  };
  expect_all(explore({}, trusting));
  expect_failure(explore({.spurious = 1}, trusting), "the flag is set");
}

TEST(Wait, a_weak_exchange_that_is_not_repeated_is_found) {
  const auto once = [](Execution& x) {
    coeval::atomic<int> flag{0};
    x.thread("setter", [&] {
      int zero = 0;
      flag.compare_exchange_weak(zero, 1, memory_order_acq_rel, memory_order_relaxed);
    });
    x.run();
    check(flag.load(memory_order_acquire) == 1, "the flag is set");
  };
  expect_all(explore({}, once));
  expect_failure(explore({.spurious = 1}, once), "the flag is set");
}

TEST(Wait, only_the_low_half_of_eight_bytes_counts_for_a_wait) {
  const Result result = explore({}, [](Execution& x) {
    coeval::atomic<std::uint64_t> word{std::uint64_t{1} << 32U};
    x.thread("waiter", [&] { check(!word.wait(0, 1s), "0 is the low half of the value"); });
    x.run();
  });
  expect_all(result);
}

}  // namespace
