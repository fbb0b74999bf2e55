// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What all locks have in common.

#include "helpers.hpp"

#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/rlock.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <regex>
#include <stdexcept>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using threading_test::Bunch;
using threading_test::CountFutexCalls;

struct HoldsLock {
  Lock plain;
};
struct ConditionOverLock : private HoldsLock, public Condition {
  ConditionOverLock() : Condition(plain) {}
};

template <class L>
class LockContract : public testing::Test {
 protected:
  // Whether another thread can take the lock at this moment.
  bool free_for_others() {
    bool taken = false;
    Bunch(1, [&] {
      if (lock.acquire(0s)) {
        taken = true;
        lock.release();
      }
    }).join();
    return taken;
  }

  L lock;
};

using Locks = testing::Types<Lock, RLock, Condition, ConditionOverLock>;
TYPED_TEST_SUITE(LockContract, Locks);

TYPED_TEST(LockContract, can_be_made_and_destroyed) {
  const TypeParam one;
  static_cast<void>(one);
}

TYPED_TEST(LockContract, can_be_destroyed_while_held) {
  std::optional<TypeParam> one(std::in_place);
  EXPECT_TRUE(one->acquire());
  one.reset();
}

TYPED_TEST(LockContract, says_whether_it_is_locked) {
  using coeval::threading::to_string;
  const auto shows = [&](const char* pattern) {
    return std::regex_search(to_string(this->lock), std::regex(pattern));
  };
  EXPECT_TRUE(shows("unlocked")) << to_string(this->lock);
  this->lock.lock();
  EXPECT_TRUE(shows("[^n]locked")) << to_string(this->lock);
  this->lock.unlock();
}

TYPED_TEST(LockContract, is_free_again_after_release) {
  EXPECT_TRUE(this->lock.acquire());
  EXPECT_FALSE(this->free_for_others());
  this->lock.release();
  EXPECT_TRUE(this->free_for_others());
}

TYPED_TEST(LockContract, try_lock_takes_a_free_lock) {
  EXPECT_TRUE(this->lock.try_lock());
  EXPECT_FALSE(this->free_for_others());
  this->lock.unlock();
}

TYPED_TEST(LockContract, try_lock_of_a_held_lock_fails) {
  this->lock.lock();
  bool taken = true;
  Bunch(1, [&] { taken = this->lock.try_lock(); }).join();
  EXPECT_FALSE(taken);
  this->lock.unlock();
}

TYPED_TEST(LockContract, waiters_sleep_until_the_release_and_all_get_it) {
  constexpr int count = 5;
  CountFutexCalls calls;
  this->lock.lock();
  Bunch bunch(count, [&] {
    this->lock.lock();
    this->lock.unlock();
  });
  calls.until_waits(count);
  EXPECT_EQ(bunch.finished(), 0);
  this->lock.unlock();
  bunch.join();
  EXPECT_EQ(bunch.finished(), count);
}

TYPED_TEST(LockContract, standard_guards_release_at_the_end_of_the_scope_also_by_an_exception) {
  {
    const std::scoped_lock guard(this->lock);
    EXPECT_FALSE(this->free_for_others());
  }
  EXPECT_TRUE(this->free_for_others());
  EXPECT_THROW(
      {
        const std::lock_guard guard(this->lock);
        throw std::runtime_error("inside");
      },
      std::runtime_error);
  EXPECT_TRUE(this->free_for_others());
}

TYPED_TEST(LockContract, several_are_locked_together) {
  TypeParam other;
  int count = 0;
  Bunch bunch(4, [&] {
    for (int i = 0; i < 200; ++i) {
      if (i % 2 == 0) {
        const std::scoped_lock both(this->lock, other);
        ++count;
      } else {
        const std::scoped_lock both(other, this->lock);
        ++count;
      }
    }
  });
  bunch.join();
  EXPECT_EQ(count, 800);
}

TYPED_TEST(LockContract, our_guard_can_release_early_and_take_it_again) {
  {
    Guard guard(this->lock);
    EXPECT_FALSE(this->free_for_others());
    guard.unlock();
    EXPECT_TRUE(this->free_for_others());
    guard.lock();
    EXPECT_FALSE(this->free_for_others());
  }
  EXPECT_TRUE(this->free_for_others());
  {
    Guard guard(this->lock);
    guard.unlock();
  }
  EXPECT_TRUE(this->free_for_others());
}

TYPED_TEST(LockContract, a_foreign_thread_leaves_nothing_behind) {
  const std::size_t before = active_count();
  for (int i = 0; i < 15; ++i) {
    std::thread([&] {
      this->lock.lock();
      this->lock.unlock();
    }).join();
  }
  EXPECT_EQ(active_count(), before);
}

TYPED_TEST(LockContract, a_timeout_ends_the_wait_and_is_not_early) {
  EXPECT_TRUE(this->lock.acquire(5s));
  this->lock.release();
  EXPECT_TRUE(this->lock.acquire(std::chrono::hours::max()));
  const auto wait = 20ms;
  bool taken = true;
  std::chrono::nanoseconds waited{};
  Bunch(1, [&] {
    const auto start = std::chrono::steady_clock::now();
    taken = this->lock.acquire(wait);
    waited = std::chrono::steady_clock::now() - start;
  }).join();
  EXPECT_FALSE(taken);
  EXPECT_GE(waited, wait);
  this->lock.release();
  EXPECT_TRUE(this->free_for_others());
}

// Python raises ValueError for a negative timeout; here it is a poll, as in every call.
TYPED_TEST(LockContract, a_zero_or_negative_timeout_is_a_poll_without_a_system_call) {
  CountFutexCalls calls;
  this->lock.lock();
  bool taken[3] = {true, true, true};
  Bunch(1, [&] {
    const int before = calls.waits_of_this_thread();
    taken[0] = this->lock.acquire(0s);
    taken[1] = this->lock.acquire(-100s);
    taken[2] = this->lock.try_lock_for(-1ns);
    EXPECT_EQ(calls.waits_of_this_thread(), before);
  }).join();
  for (const bool each : taken) {
    EXPECT_FALSE(each);
  }
  this->lock.unlock();
}

TYPED_TEST(LockContract, is_timed_lockable) {
  std::unique_lock<TypeParam> guard(this->lock, std::defer_lock);
  EXPECT_TRUE(guard.try_lock_for(1s));
  bool taken = true;
  Bunch(1, [&] {
    std::unique_lock<TypeParam> other(this->lock, std::chrono::steady_clock::now() + 1ms);
    taken = other.owns_lock();
  }).join();
  EXPECT_FALSE(taken);
}

TYPED_TEST(LockContract, excludes_others) {
  constexpr int threads = 4;
  constexpr int rounds = 2000;
  int count = 0;
  Bunch(threads, [&] {
    for (int i = 0; i < rounds; ++i) {
      Guard guard(this->lock);
      ++count;
    }
  }).join();
  EXPECT_EQ(count, threads * rounds);
}

}  // namespace
