// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Whom a notify of a Condition wakes.

#include <coeval/multiprocessing/condition.hpp>

#include "multiprocessing/helpers.hpp"

#include <coeval/multiprocessing/process.hpp>
#include <coeval/threading/lock.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using multiprocessing_test::Bunch;
using multiprocessing_test::kill_and_join;
using multiprocessing_test::require;
using multiprocessing_test::SharedNumbers;
using multiprocessing_test::started;
using threading::Guard;

// Of SharedNumbers: what a waiter does first, and last.
constexpr std::size_t ready = 0;
constexpr std::size_t awake = 1;
constexpr std::size_t order = 2;

void wait_once(Condition condition, SharedNumbers numbers) {
  const Guard guard(condition);
  ++numbers[ready];
  require(condition.wait());
  ++numbers[awake];
}
void wait_in_turn(Condition condition, SharedNumbers numbers, long number) {
  const Guard guard(condition);
  ++numbers[ready];
  require(condition.wait());
  require(numbers.get(order) == number);
  ++numbers[order];
  ++numbers[awake];
}

// A condition with waiters in processes of their own.
class ConditionWithWaiters : public testing::Test {
 protected:
  ConditionWithWaiters() { waiters_.reserve(8); }
  ~ConditionWithWaiters() override {
    for (Process& waiter : waiters_) {
      kill_and_join(waiter);
    }
  }

  Process& add_waiter() {
    const long before = numbers.get(ready);
    waiters_.push_back(started(wait_once, condition, numbers));
    until_waiting(before + 1);
    return waiters_.back();
  }
  // Who has raised the number holds the lock until it sleeps.
  void until_waiting(long count) const {
    numbers.until_is(count, ready);
    const Guard guard(condition);
  }
  void notify(std::ptrdiff_t n) const {
    const Guard guard(condition);
    condition.notify(n);
  }
  void notify_all() const {
    const Guard guard(condition);
    condition.notify_all();
  }
  // Nobody but these may have been woken: the others still wait in the table.
  void expect_awake(long count, long waiting) const {
    numbers.until_is(count, awake);
    EXPECT_EQ(numbers.get(awake), count);
    EXPECT_TRUE(to_string(condition).ends_with(", " + std::to_string(waiting) + " waiting)>"))
        << to_string(condition);
  }

  const Condition condition;
  const SharedNumbers numbers{3};

 private:
  std::vector<Process> waiters_;
};

// CPython's test_notify: threads and processes wait for the same condition.
TEST_F(ConditionWithWaiters, notify_wakes_one) {
  add_waiter();
  Bunch thread(1, [&] { wait_once(condition, numbers); });
  until_waiting(2);
  expect_awake(0, 2);
  notify(1);
  expect_awake(1, 1);
  notify(1);
  expect_awake(2, 0);
  thread.join();
}

// CPython's test_notify_all.
TEST_F(ConditionWithWaiters, notify_all_wakes_all) {
  for (int i = 0; i < 3; ++i) {
    add_waiter();
  }
  Bunch threads(3, [&] { wait_once(condition, numbers); });
  until_waiting(6);
  expect_awake(0, 6);
  notify_all();
  expect_awake(6, 0);
  threads.join();
}

// CPython's test_notify_n.
TEST_F(ConditionWithWaiters, notify_n_wakes_n) {
  for (int i = 0; i < 3; ++i) {
    add_waiter();
  }
  Bunch threads(3, [&] { wait_once(condition, numbers); });
  until_waiting(6);
  notify(0);
  notify(-3);
  expect_awake(0, 6);
  notify(2);
  expect_awake(2, 4);
  notify(4);
  expect_awake(6, 0);
  notify(3);
  expect_awake(6, 0);
  threads.join();
}

TEST_F(ConditionWithWaiters, are_woken_in_the_order_in_which_they_came) {
  std::vector<Process> waiters;
  for (long i = 0; i < 4; ++i) {
    waiters.push_back(started(wait_in_turn, condition, numbers, i));
    until_waiting(i + 1);
  }
  for (long i = 0; i < 4; ++i) {
    notify(1);
    numbers.until_is(i + 1, awake);
  }
  for (Process& waiter : waiters) {
    waiter.join();
    EXPECT_EQ(waiter.exitcode(), 0);
  }
}

TEST_F(ConditionWithWaiters, a_waiter_that_was_killed_takes_no_notify) {
  Process& first = add_waiter();
  kill_and_join(first);
  Process& second = add_waiter();
  add_waiter();
  kill_and_join(second);
  notify(1);
  expect_awake(1, 0);
}

// One is stopped, so it cannot be the one who finds out.
TEST_F(ConditionWithWaiters, a_waiter_that_is_stopped_holds_up_nobody) {
  Process& first = add_waiter();
  add_waiter();
  multiprocessing_test::stop(first);
  notify(1);  // the stopped one's
  notify(1);
  expect_awake(1, 0);
  ::kill(first.pid().value(), SIGCONT);
  expect_awake(2, 0);
}

TEST_F(ConditionWithWaiters, the_notify_of_a_waiter_that_is_killed_before_it_goes_on_is_passed_on) {
  Process& first = add_waiter();
  add_waiter();
  add_waiter();
  {
    const Guard guard(condition);
    condition.notify(1);  // the first one's; it needs the lock
    kill_and_join(first);
  }
  expect_awake(1, 1);
  notify(1);
  expect_awake(2, 0);
}

}  // namespace
}  // namespace coeval::multiprocessing
