// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/condition.hpp>

#include "multiprocessing/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/threading/lock.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::Bunch;
using multiprocessing_test::error_of_loading;
using multiprocessing_test::in_process;
using multiprocessing_test::kill_and_join;
using multiprocessing_test::pickled;
using multiprocessing_test::require;
using multiprocessing_test::SharedNumbers;
using multiprocessing_test::started;
using multiprocessing_test::until;
using threading::Guard;

// Of SharedNumbers: what a waiter does first, and last.
constexpr std::size_t ready = 0;
constexpr std::size_t awake = 1;
constexpr std::size_t told = 2;

// CPython's test_timeout and test_wait_result.
TEST(ConditionOfProcesses, wait_gives_up_at_its_deadline) {
  const Condition condition;
  const Guard guard(condition);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(condition.wait(0s));
  EXPECT_FALSE(condition.wait(-1s));
  EXPECT_FALSE(condition.wait(70ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 70ms);
}

void count_to(Condition condition, SharedNumbers numbers, long last) {
  for (long i = 0; i < last; ++i) {
    const Guard guard(condition);
    numbers.add_unprotected();
    condition.notify();
  }
}

// Each step when the one who waits has looked once more: numbers[1] counts the looks.
void count_to_as_it_is_looked_at(Condition condition, SharedNumbers numbers, long last) {
  for (long i = 0; i < last; ++i) {
    numbers.until_is(i + 1, 1);
    const Guard guard(condition);  // so it waits
    numbers.add_unprotected();
    condition.notify();
  }
}

// CPython's test_waitfor.
TEST(ConditionOfProcesses, wait_for_waits_until_its_predicate_holds) {
  const Condition condition;
  const SharedNumbers numbers(2);
  Process process = started(count_to_as_it_is_looked_at, condition, numbers, 4L);
  {
    const Guard guard(condition);
    EXPECT_EQ(condition.wait_for([&] {
      numbers.add_unprotected(1);
      return numbers.get() >= 4 ? 42 : 0;
    }),
              42);
  }
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(numbers.get(1), 5);
}

// CPython's test_waitfor_timeout.
TEST(ConditionOfProcesses, wait_for_gives_up_at_its_deadline) {
  const Condition condition;
  const SharedNumbers numbers;
  Process process;
  {
    const Guard guard(condition);
    process = started(count_to, condition, numbers, 3L);
    const Deadline deadline = 60ms;
    EXPECT_FALSE(condition.wait_for([&] { return numbers.get() >= 4; }, deadline));
    EXPECT_TRUE(deadline.expired());
    EXPECT_THROW(condition.wait_for([]() -> bool { throw std::out_of_range("x"); }),
                 std::out_of_range);
  }
  process.join();
}

TEST(ConditionOfProcesses, wait_and_notify_need_the_lock) {
  const Condition condition;
  EXPECT_THROW(condition.wait(), RuntimeError);
  EXPECT_THROW(condition.notify(), RuntimeError);
  EXPECT_THROW(condition.notify_all(), RuntimeError);
  const Guard guard(condition);
  Bunch(1, [&] {
    EXPECT_THROW(condition.wait(), RuntimeError);
    EXPECT_THROW(condition.notify(0), RuntimeError);
  }).join();
}

TEST(ConditionOfProcesses, uses_a_lock_that_is_given) {
  const Lock lock;
  const RLock rlock;
  const Condition one(lock);
  const Condition other = pickled(Condition(rlock));
  const Guard guard(lock);
  EXPECT_FALSE(one.wait(1ms));
  EXPECT_EQ(to_string(one), "<Condition(<Lock locked>, 0 waiting)>");
  EXPECT_EQ(to_string(other), "<Condition(<RLock unlocked>, 0 waiting)>");
  other.acquire();
  EXPECT_TRUE(rlock.is_owned());
  // ThreadSanitizer knows a mutex by its address.
  threading_test::under_thread_sanitizer ? other.release() : rlock.release();
}

TEST(ConditionOfProcesses, wait_gives_back_all_levels_and_takes_them_again) {
  const RLock lock;
  const Condition condition(lock);
  const Guard first(condition);
  const Guard second(condition);
  const Guard third(lock);
  Process process(
      +[](Condition it) {
        const Guard guard(it);
        it.notify();
      },
      condition);
  process.start();
  EXPECT_TRUE(condition.wait());
  EXPECT_EQ(lock.recursion_count(), 3U);
  process.join();
}

void notify_and_die(Condition condition, std::ptrdiff_t n) {
  condition.acquire();
  condition.notify(n);
  std::_Exit(0);
}

TEST(ConditionOfProcesses, the_death_of_a_holder_ends_a_wait_with_the_lock_held) {
  for (const std::ptrdiff_t notified : {0, 1}) {
    const RLock lock;
    const Condition condition(lock);
    const Guard guard(condition);
    const Guard again(condition);
    Process process = started(notify_and_die, condition, notified);
    EXPECT_THROW(condition.wait(), OwnerDied);
    EXPECT_EQ(lock.recursion_count(), 2U);
    EXPECT_EQ(to_string(lock), "<RLock locked owner=" + std::to_string(::getpid()) + " count=2>");
    process.join();
    EXPECT_FALSE(condition.wait(1ms));  // it was told once
  }
}

TEST(ConditionOfProcesses, of_many_waiters_one_is_told_of_a_death_and_the_others_wait_on) {
  const Condition condition;
  const SharedNumbers numbers(3);
  Bunch waiters(5, [&] {
    const Guard guard(condition);
    ++numbers[ready];
    try {
      EXPECT_TRUE(condition.wait());
      ++numbers[awake];
    } catch (const OwnerDied&) {
      ++numbers[told];
    }
  });
  numbers.until_is(5, ready);
  EXPECT_EQ(in_process(notify_and_die, condition, std::ptrdiff_t{0}), 0);
  numbers.until_is(1, told);
  {
    const Guard guard(condition);
    condition.notify_all();
  }
  waiters.join();
  EXPECT_EQ(numbers.get(told), 1);
  EXPECT_EQ(numbers.get(awake), 4);
}

// 1,024 at a time.
TEST(ConditionOfProcesses, has_places_for_1024_waiters_and_those_of_the_dead_are_used_again) {
  constexpr long places = 1024;
  const Condition condition;
  const SharedNumbers numbers(3);
  const auto fill = [](Condition it, SharedNumbers seen) {
    std::vector<std::jthread> threads;
    for (long i = 0; i < places; ++i) {
      threads.emplace_back([&] {
        const Guard guard(it);
        ++seen[ready];
        it.wait();
      });
    }
  };
  Process process = started(fill, condition, numbers);
  numbers.until_is(places, ready);
  const Guard guard(condition);
  EXPECT_THROW(condition.wait(1ms), RuntimeError);
  EXPECT_THROW(condition.wait(), RuntimeError);
  kill_and_join(process);
  EXPECT_FALSE(condition.wait(1ms));
  condition.notify_all();
  EXPECT_TRUE(to_string(condition).ends_with(", 0 waiting)>")) << to_string(condition);
}

void pass_the_ball(Condition condition, SharedNumbers ball, long me, long players, long times) {
  for (long i = 0; i < times; ++i) {
    const Guard guard(condition);
    condition.wait_for([&] { return ball.get() % players == me; });
    ball.add_unprotected();
    condition.notify_all();
  }
}

TEST(ConditionOfProcesses, processes_pass_a_ball_round) {
  constexpr long players = 3;
  constexpr long times = 300;
  const Condition condition{Lock()};
  const SharedNumbers ball;
  std::vector<Process> others;
  for (long i = 1; i < players; ++i) {
    others.push_back(started(pass_the_ball, condition, ball, i, players, times));
  }
  pass_the_ball(condition, ball, 0, players, times);
  for (Process& other : others) {
    other.join();
    EXPECT_EQ(other.exitcode(), 0);
  }
  EXPECT_EQ(ball.get(), players * times);
}

TEST(ConditionOfProcesses, no_waiter_that_was_notified_reports_a_timeout) {
  const Condition condition;
  const SharedNumbers numbers(3);
  Bunch waiters(2, [&] {
    for (int i = 0; i < 300; ++i) {
      const Guard guard(condition);
      if (condition.wait(std::chrono::microseconds(200))) {
        ++numbers[awake];
      }
    }
  });
  long sent = 0;
  while (waiters.finished() < 2) {
    const Guard guard(condition);
    const std::string text = to_string(condition);
    if (!text.ends_with(", 0 waiting)>")) {
      condition.notify();
      ++sent;
    }
  }
  EXPECT_EQ(numbers.get(awake), sent);
}

TEST(ConditionOfProcesses, what_came_must_be_one) {
  EXPECT_THROW(pickle::loads_parcel<Condition>(pickle::dumps_parcel(Lock())), PickleError);
  const auto of = [](bool recursive, const auto& lock, const auto& rest) {
    auto archive = pickle::OutputArchive::with_descriptors();
    archive(recursive);
    lock.save(archive);
    rest.save(archive);
    pickle::Parcel parcel = archive.take();
    pickle::InputArchive input(parcel.bytes, parcel.descriptors);
    return Condition::load(input);
  };
  EXPECT_THROW(of(true, Lock(), SharedMemory(1 << 16)), PickleError);
  EXPECT_THROW(of(false, RLock(), SharedMemory(1 << 16)), PickleError);
  EXPECT_THROW(of(true, RLock(), SharedMemory(1 << 16)), PickleError);
  EXPECT_THROW(of(true, RLock(), SharedMemory(1)), PickleError);
  EXPECT_THROW(of(true, RLock(), RLock()), PickleError);
  EXPECT_NE(error_of_loading<Condition>(SharedMemory(1 << 16)), "");
}

}  // namespace
}  // namespace coeval::multiprocessing
