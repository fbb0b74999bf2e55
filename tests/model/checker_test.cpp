// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/expect.hpp"
#include "model/planted.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace {

using model::check;
using model::Execution;
using model::expect_all;
using model::expect_failure;
using model::explore;
using model::Result;
using namespace planted;  // NOLINT: the memory orders and the objects under test
using namespace std::chrono_literals;

// A few steps of each thread, all on one atomic.
Result count_executions(int threads, int operations, int preemptions) {
  return explore({.preemptions = preemptions}, [=](Execution& x) {
    coeval::atomic<int> counter{0};
    for (int i = 0; i < threads; ++i) {
      x.thread("adder", [&counter, operations] {
        for (int k = 0; k < operations; ++k) {
          counter.fetch_add(1, memory_order_relaxed);
        }
      });
    }
    x.run();
    check(counter.load(memory_order_relaxed) == threads * operations, "the sum");
  });
}

TEST(Checker, every_order_of_two_threads_is_tried_once) {
  // (2n)! / (n! n!) orders of n and n operations.
  EXPECT_EQ(count_executions(2, 1, model::unlimited).executions, 2U);
  EXPECT_EQ(count_executions(2, 2, model::unlimited).executions, 6U);
  EXPECT_EQ(count_executions(2, 3, model::unlimited).executions, 20U);
  EXPECT_EQ(count_executions(2, 4, model::unlimited).executions, 70U);
}

TEST(Checker, every_order_of_three_threads_is_tried_once) {
  // (3n)! / (n!)^3.
  EXPECT_EQ(count_executions(3, 1, model::unlimited).executions, 6U);
  EXPECT_EQ(count_executions(3, 2, model::unlimited).executions, 90U);
  EXPECT_EQ(count_executions(3, 3, model::unlimited).executions, 1680U);
}

TEST(Checker, the_preemption_bound_counts_as_by_hand) {
  // Two threads of n operations. No preemption: who is first. One: also cut the first thread at one
  // of n - 1 places, the rest of it follows the other. Two: also cut both once, after which the
  // first goes on: 2 (n - 1)^2, of which none coincide.
  for (const int n : {1, 2, 3, 4, 5}) {
    const auto cuts = static_cast<std::uint64_t>(n - 1);
    EXPECT_EQ(count_executions(2, n, 0).executions, 2U);
    EXPECT_EQ(count_executions(2, n, 1).executions, 2 + 2 * cuts);
    EXPECT_EQ(count_executions(2, n, 2).executions, 2 + 2 * cuts + 2 * cuts * cuts);
  }
}

TEST(Checker, a_lost_update_is_found) {
  const Result result = explore({}, [](Execution& x) {
    coeval::atomic<int> counter{0};
    model::name(counter, "counter");
    for (const char* name : {"one", "two"}) {
      x.thread(name, [&] {
        const int old = counter.load(memory_order_seq_cst);
        counter.store(old + 1, memory_order_seq_cst);
      });
    }
    x.run();
    check(counter.load(memory_order_seq_cst) == 2, "both were counted");
  });
  expect_failure(result, "both were counted");
  EXPECT_NE(result.interleaving.find("store counter = 1 (seq_cst)"), std::string::npos);
}

TEST(Checker, a_lost_wakeup_is_found) {
  expect_failure(explore({}, use_gate<Gate::checks_too_early>), "deadlock");
  expect_failure(explore({}, use_gate<Gate::no_notify>), "deadlock");
}

TEST(Checker, a_gate_that_looks_again_before_it_sleeps_passes) {
  expect_all(explore({.preemptions = model::unlimited}, use_gate<Gate::right>));
}

TEST(Checker, a_deque_without_the_race_for_the_last_element_is_found) {
  // The thief must look before the owner takes and win after it has looked: three interruptions.
  const auto body = [](Execution& x) { use_deque<Deque::no_race_for_the_last>(x, 1); };
  expect_failure(explore({.preemptions = 3}, body), "exactly once");
  expect_all(explore({.preemptions = 2}, body));
}

TEST(Checker, the_right_deque_passes_in_every_order) {
  expect_all(explore({.preemptions = 3}, [](Execution& x) { use_deque<Deque::right>(x, 3); }));
}

TEST(Checker, a_spin_lock_that_tests_and_then_sets_is_found) {
  expect_failure(explore({}, use_spin_lock<Spin::test_then_set>), "data race on count");
}

TEST(Checker, the_right_spin_lock_passes_in_every_order) {
  expect_all(explore({.preemptions = model::unlimited}, use_spin_lock<Spin::right>));
}

TEST(Checker, data_races_are_found_even_in_sequential_memory) {
  expect_failure(explore({}, use_spin_lock<Spin::no_release>), "data race on count");
  expect_failure(explore({}, use_spin_lock<Spin::no_acquire>), "data race on count");
}

TEST(Checker, what_comes_after_a_release_is_not_published_by_it) {
  const auto publish = [](bool too_late) {
    return [too_late](Execution& x) {
      coeval::atomic<int> flag{0};
      model::var<int> data{0, "data"};
      x.thread("sender", [&, too_late] {
        if (!too_late) {
          data.write(1);
        }
        flag.store(1, memory_order_release);
        if (too_late) {
          data.write(1);
        }
      });
      x.thread("receiver", [&] {
        if (flag.load(memory_order_acquire) == 1) {
          data.read();
        }
      });
      x.run();
    };
  };
  expect_all(explore({}, publish(false)));
  expect_failure(explore({.preemptions = 0}, publish(true)), "data race on data");
}

TEST(Checker, two_locks_in_opposite_orders_are_found) {
  const Result result = explore({}, [](Execution& x) {
    coeval::atomic<int> a{0};
    coeval::atomic<int> b{0};
    const auto lock = [](coeval::atomic<int>& word) {
      while (word.exchange(1, memory_order_acquire) != 0) {
        word.wait(1, coeval::never);
      }
    };
    const auto unlock = [](coeval::atomic<int>& word) {
      word.store(0, memory_order_release);
      word.notify_one();
    };
    const auto both = [&](coeval::atomic<int>& first, coeval::atomic<int>& second) {
      lock(first);
      lock(second);
      unlock(second);
      unlock(first);
    };
    x.thread("one", [&] { both(a, b); });
    x.thread("two", [&] { both(b, a); });
    x.run();
  });
  expect_failure(result, "deadlock");
  EXPECT_NE(result.failure.find("two sleeps"), std::string::npos);
}

TEST(Checker, a_loop_that_never_ends_is_found) {
  const Result result = explore({.steps = 1000}, [](Execution& x) {
    coeval::atomic<int> flag{0};
    x.thread("spinner", [&] {
      while (flag.load(memory_order_acquire) == 0) {
        coeval::spin_pause();
      }
    });
    x.run();
  });
  EXPECT_NE(result.failure.find("livelock"), std::string::npos) << result.failure;
}

TEST(Checker, an_exception_that_leaves_a_thread_is_a_failure) {
  const Result result = explore({}, [](Execution& x) {
    x.thread("thrower", [] { throw std::runtime_error("too late"); });
    x.run();
  });
  expect_failure(result, "std::runtime_error: too late");
}

TEST(Checker, exceptions_of_several_threads_do_not_mix) {
  const Result result = explore({.preemptions = model::unlimited}, [](Execution& x) {
    coeval::atomic<int> turn{0};
    struct Unwinding {
      coeval::atomic<int>& turn;
      ~Unwinding() {
        turn.fetch_add(1, memory_order_relaxed);  // others run while this exception is in flight
        check(std::uncaught_exceptions() == 1, "one exception is in flight here");
      }
    };
    for (const char* name : {"one", "two"}) {
      x.thread(name, [&turn, name] {
        try {
          const Unwinding unwinding{turn};
          throw std::runtime_error(name);
        } catch (const std::runtime_error& error) {
          turn.fetch_add(1, memory_order_relaxed);
          check(std::string(error.what()) == name, "the exception is the thread's own");
          try {
            throw;
          } catch (const std::runtime_error& again) {
            check(std::string(again.what()) == name, "so is the one raised again");
          }
        }
        check(std::uncaught_exceptions() == 0, "nothing is in flight any more");
      });
    }
    x.run();
  });
  expect_all(result);
  EXPECT_EQ(result.executions, 6U);
}

TEST(Checker, a_test_that_is_not_repeatable_is_told_so) {
  int run = 0;
  const Result result = explore({}, [&run](Execution& x) {
    coeval::atomic<int> a{0};
    ++run;
    for (int i = 0; i < 2 + run % 2; ++i) {
      x.thread("thread", [&] { a.fetch_add(1, memory_order_relaxed); });
    }
    x.run();
  });
  EXPECT_NE(result.failure.find("does not do the same thing every time"), std::string::npos);
}

TEST(Checker, atomics_are_plain_variables_outside_of_an_exploration) {
  coeval::atomic<int> number{1};
  EXPECT_EQ(number.fetch_add(2, memory_order_relaxed), 1);
  EXPECT_EQ(number.exchange(7, memory_order_relaxed), 3);
  int expected = 8;
  EXPECT_FALSE(
      number.compare_exchange_strong(expected, 9, memory_order_relaxed, memory_order_relaxed));
  EXPECT_EQ(expected, 7);
  EXPECT_TRUE(
      number.compare_exchange_weak(expected, 9, memory_order_relaxed, memory_order_relaxed));
  number.store(12, memory_order_relaxed);
  EXPECT_EQ(number.fetch_and(10, memory_order_relaxed), 12);
  EXPECT_EQ(number.fetch_or(5, memory_order_relaxed), 8);
  EXPECT_EQ(number.fetch_sub(14, memory_order_relaxed), 13);
  EXPECT_EQ(number.load(memory_order_relaxed), -1);
  EXPECT_TRUE(number.wait(0, 1s));
  EXPECT_FALSE(number.wait(-1, 0s));
  number.notify_all();
  coeval::spin_pause();
  static constinit coeval::atomic<const char*> text{nullptr};
  EXPECT_EQ(text.load(memory_order_relaxed), nullptr);
  static_assert(sizeof(coeval::atomic<std::uint16_t>) == 2);
  static_assert(std::is_trivially_destructible_v<coeval::atomic<long>>);
}

TEST(Checker, the_speed_of_small_executions) {
  const Result result = count_executions(3, 4, 4);
  expect_all(result);
}

}  // namespace
