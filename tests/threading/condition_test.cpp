// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/condition.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <stdexcept>
#include <vector>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using threading_test::Bunch;
using threading_test::CountFutexCalls;
using threading_test::until;

// Whether so many wait in it. They are then in its list, and will be found by a notify.
void until_waiting(Condition& condition, int count) {
  const std::string shown = ", " + std::to_string(count) + " waiting)";
  until([&] {
    Guard guard(condition);
    return to_string(condition).find(shown) != std::string::npos;
  });
}

TEST(Condition, owns_a_recursive_lock) {
  Condition condition;
  condition.lock();
  condition.lock();
  condition.unlock();
  condition.unlock();
  EXPECT_THROW(condition.unlock(), coeval::RuntimeError);
}

TEST(Condition, locks_the_lock_it_was_given) {
  Lock lock;
  Condition condition(lock);
  EXPECT_TRUE(condition.acquire());
  EXPECT_FALSE(lock.try_lock());
  condition.release();
  EXPECT_TRUE(lock.try_lock());
  EXPECT_FALSE(condition.acquire(0s));
  lock.unlock();
  Guard guard(condition);
  EXPECT_FALSE(lock.try_lock());
}

TEST(Condition, wait_without_the_lock_raises) {
  Condition recursive;
  EXPECT_THROW(recursive.wait(), coeval::RuntimeError);
  EXPECT_THROW(recursive.wait_for([] { return false; }), coeval::RuntimeError);
  Lock lock;
  Condition plain(lock);
  EXPECT_THROW(plain.wait(), coeval::RuntimeError);
}

TEST(Condition, wait_with_the_lock_of_another_thread_raises) {
  Condition condition;
  Guard guard(condition);
  Bunch(1, [&] { EXPECT_THROW(condition.wait(), coeval::RuntimeError); }).join();
}

TEST(Condition, notify_without_the_lock_raises) {
  Condition recursive;
  EXPECT_THROW(recursive.notify(), coeval::RuntimeError);
  EXPECT_THROW(recursive.notify_all(), coeval::RuntimeError);
  Lock lock;
  Condition plain(lock);
  EXPECT_THROW(plain.notify(), coeval::RuntimeError);
}

template <class L>
void notify_wakes_as_many_as_it_says(L& lock) {
  Condition condition(lock);
  std::atomic<int> woken{0};
  Bunch bunch(5, [&] {
    Guard guard(condition);
    EXPECT_TRUE(condition.wait());
    ++woken;
    EXPECT_TRUE(condition.wait());
    ++woken;
  });
  until_waiting(condition, 5);
  const auto notify = [&](int n) {
    Guard guard(condition);
    condition.notify(n);
  };
  notify(0);
  notify(-1);
  notify(3);
  until([&] { return woken == 3; });
  until_waiting(condition, 5);  // two in their first wait, three in their second
  notify(2);                    // the two that came first
  until([&] { return woken == 5; });
  until_waiting(condition, 5);
  {
    Guard guard(condition);
    condition.notify_all();
  }
  bunch.join();
  EXPECT_EQ(woken, 10);
}

TEST(Condition, notify_wakes_as_many_as_it_says_and_those_that_came_first) {
  RLock recursive;
  notify_wakes_as_many_as_it_says(recursive);
  notify_wakes_as_many_as_it_says(recursive);  // its state is in order
  Lock plain;
  notify_wakes_as_many_as_it_says(plain);
}

TEST(Condition, waiters_are_woken_in_the_order_in_which_they_came) {
  Lock lock;
  Condition condition(lock);
  std::vector<int> order;
  std::vector<Thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      Guard guard(condition);
      condition.wait();
      order.push_back(i);
    });
    threads.back().start();
    until_waiting(condition, i + 1);
  }
  for (int i = 0; i < 6; ++i) {
    {
      Guard guard(condition);
      condition.notify();
    }
    until([&] {
      Guard guard(condition);
      return static_cast<int>(order.size()) == i + 1;
    });
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(Condition, notify_does_not_reach_those_that_wait_later) {
  Condition condition;
  Guard guard(condition);
  condition.notify();
  condition.notify_all();
  EXPECT_FALSE(condition.wait(1ms));
}

TEST(Condition, wait_returns_false_on_timeout_and_is_not_early) {
  Condition condition;
  Bunch(5, [&] {
    Guard guard(condition);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(condition.wait(20ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  }).join();
  Guard guard(condition);
  EXPECT_EQ(to_string(condition).find("0 waiting") == std::string::npos, false);
}

TEST(Condition, a_poll_returns_at_once) {
  CountFutexCalls calls;
  Condition condition;
  Guard guard(condition);
  EXPECT_FALSE(condition.wait(0s));
  EXPECT_FALSE(condition.wait(-1s));
  EXPECT_EQ(calls.waits(), 0);
}

TEST(Condition, wait_for_waits_until_the_predicate_is_true) {
  Condition condition;
  Semaphore looked(0);
  int state = 0;
  int looks = 0;
  Bunch bunch(1, [&] {
    Guard guard(condition);
    EXPECT_TRUE(condition.wait_for([&] {
      ++looks;
      looked.release();
      return state == 4;
    }));
    EXPECT_EQ(state, 4);
  });
  for (int i = 0; i < 4; ++i) {
    looked.acquire();        // it holds the lock,
    Guard guard(condition);  // which is free when it waits
    ++state;
    condition.notify();
  }
  bunch.join();
  EXPECT_EQ(looks, 5);  // before the first wait, and after each notify
}

TEST(Condition, wait_for_gives_the_last_value_when_the_deadline_passes) {
  Condition condition;
  int state = 0;
  Bunch bunch(1, [&] {
    Guard guard(condition);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(condition.wait_for([&] { return state == 4; }, 30ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
  });
  for (int i = 0; i < 3; ++i) {
    Guard guard(condition);
    ++state;
    condition.notify();
  }
}

TEST(Condition, wait_for_returns_what_the_predicate_returns) {
  Condition condition;
  Guard guard(condition);
  int number = 7;
  EXPECT_EQ(condition.wait_for([&] { return &number; }), &number);
  int calls = 0;
  EXPECT_EQ(condition.wait_for([&]() -> int* { return ++calls, nullptr; }, 0s), nullptr);
  EXPECT_EQ(calls, 2);  // before the wait and after it
}

TEST(Condition, what_the_predicate_raises_comes_out_with_the_lock_held) {
  Condition condition;
  condition.lock();
  EXPECT_THROW(condition.wait_for([]() -> bool { throw std::runtime_error("no"); }),
               std::runtime_error);
  condition.unlock();
  EXPECT_THROW(condition.unlock(), coeval::RuntimeError);
}

TEST(Condition, wait_releases_all_levels_of_a_recursive_lock_and_takes_them_back) {
  RLock lock;
  Condition condition(lock);
  bool ready = false;
  Bunch bunch(1, [&] {
    Guard guard(condition);  // possible only while the other thread's wait has released all
    ready = true;
    condition.notify();
  });
  {
    Guard one(lock);
    Guard two(lock);
    Guard three(lock);
    EXPECT_TRUE(condition.wait_for([&] { return ready; }));
    EXPECT_EQ(lock.recursion_count(), 3U);
  }
  EXPECT_FALSE(lock.is_owned());
}

TEST(Condition, several_may_share_a_lock) {
  Lock lock;
  Condition not_empty(lock);
  Condition not_full(lock);
  std::deque<int> queue;
  int sum = 0;
  constexpr int items = 2000;
  Bunch consumers(1, [&] {
    for (int i = 0; i < items; ++i) {
      Guard guard(lock);
      not_empty.wait_for([&] { return !queue.empty(); });
      sum += queue.front();
      queue.pop_front();
      not_full.notify();
    }
  });
  for (int i = 0; i < items; ++i) {
    Guard guard(lock);
    not_full.wait_for([&] { return queue.size() < 3; });
    queue.push_back(i);
    not_empty.notify();
  }
  consumers.join();
  EXPECT_EQ(sum, items * (items - 1) / 2);
}

// Each notify that found a waiter made one wait() true, however its timeout raced with it: the
// number that are told equals the number that were taken out of the list.
TEST(Condition, a_timeout_that_races_with_a_notify_does_not_swallow_it) {
  Lock lock;
  Condition condition(lock);
  std::atomic<bool> stop{false};
  int told = 0;
  Bunch waiters(3, [&] {
    int spread = 0;
    while (!stop) {
      Guard guard(lock);
      if (condition.wait(std::chrono::microseconds(++spread % 50))) {
        ++told;
      }
    }
  });
  int notified = 0;
  for (int i = 0; i < 3000; ++i) {
    Guard guard(lock);
    notified += to_string(condition).find(" 0 waiting") == std::string::npos ? 1 : 0;
    condition.notify();
  }
  stop = true;
  waiters.join();
  EXPECT_EQ(told, notified);
}

// Whichever place it had: the others are still found, in their order. The one that gives up has a
// deadline that is long for the others to come, but if it is not, it has merely another place.
TEST(Condition, a_waiter_that_gives_up_leaves_the_others_in_order) {
  for (int leaver = 0; leaver < 3; ++leaver) {
    Lock lock;
    Condition condition(lock);
    std::vector<int> order;
    std::vector<Thread> threads;
    const auto wait_as = [&](int place, coeval::Deadline deadline) {
      threads.emplace_back([&, place, deadline] {
        Guard guard(condition);
        if (condition.wait(deadline)) {
          order.push_back(place);
        }
      });
      threads.back().start();
    };
    int others = 0;
    for (int place = 0; place < 3; ++place) {
      if (place == leaver) {
        wait_as(place, 50ms);
        threads.back().native_id();
      } else {
        wait_as(place, coeval::never);
        until([&, least = ++others] {
          Guard guard(condition);
          const std::string text = to_string(condition);
          const auto count = text.find(", ") + 2;
          return std::stoi(text.substr(count)) >= least;
        });
      }
    }
    threads[static_cast<std::size_t>(leaver)].join();
    wait_as(3, coeval::never);
    until_waiting(condition, 3);
    Guard guard(condition);
    condition.notify_all();
    guard.unlock();
    for (const Thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(order.size(), 3U);
  }
}

TEST(Condition, to_string_shows_lock_and_waiters) {
  Lock lock;
  Condition condition(lock);
  EXPECT_EQ(to_string(condition), "<Condition(<Lock unlocked>, 0 waiting)>");
  EXPECT_EQ(to_string(Condition()), "<Condition(<RLock unlocked>, 0 waiting)>");
}

}  // namespace
