// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/rlock.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using threading_test::Bunch;

TEST(RLock, its_owner_may_take_it_again) {
  RLock lock;
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.acquire());
  lock.release();
  EXPECT_TRUE(lock.acquire(0s));
  lock.release();
  lock.release();
  EXPECT_FALSE(lock.locked());
}

TEST(RLock, release_without_holding_it_raises) {
  RLock lock;
  EXPECT_THROW(lock.release(), coeval::RuntimeError);
  lock.lock();
  lock.lock();
  lock.release();
  lock.lock();
  lock.release();
  lock.release();
  EXPECT_THROW(lock.release(), coeval::RuntimeError);
}

TEST(RLock, only_its_owner_may_release_it) {
  RLock lock;
  lock.lock();
  Bunch(1, [&] { EXPECT_THROW(lock.release(), coeval::RuntimeError); }).join();
  EXPECT_TRUE(lock.is_owned());
  lock.release();
}

// A number of a thread is never given twice, so the next thread does not inherit the lock.
TEST(RLock, stays_locked_when_its_owner_has_ended) {
  RLock lock;
  std::thread([&] { lock.lock(); }).join();
  for (int i = 0; i < 10; ++i) {
    std::thread([&] {
      EXPECT_FALSE(lock.is_owned());
      EXPECT_FALSE(lock.try_lock());
      EXPECT_THROW(lock.release(), coeval::RuntimeError);
    }).join();
  }
}

TEST(RLock, counts_its_levels_for_the_owner_only) {
  RLock lock;
  EXPECT_EQ(lock.recursion_count(), 0U);
  lock.lock();
  EXPECT_EQ(lock.recursion_count(), 1U);
  lock.lock();
  lock.lock();
  EXPECT_EQ(lock.recursion_count(), 3U);
  Bunch(1, [&] { EXPECT_EQ(lock.recursion_count(), 0U); }).join();
  lock.release();
  EXPECT_EQ(lock.recursion_count(), 2U);
  lock.release();
  lock.release();
  EXPECT_EQ(lock.recursion_count(), 0U);
}

TEST(RLock, is_owned_only_by_the_thread_that_holds_it) {
  RLock lock;
  EXPECT_FALSE(lock.is_owned());
  lock.lock();
  lock.lock();
  EXPECT_TRUE(lock.is_owned());
  Bunch(1, [&] { EXPECT_FALSE(lock.is_owned()); }).join();
  lock.unlock();
  EXPECT_TRUE(lock.is_owned());
  lock.unlock();
  EXPECT_FALSE(lock.is_owned());
}

TEST(RLock, to_string_shows_owner_and_count) {
  RLock lock;
  EXPECT_EQ(to_string(lock), "<RLock unlocked>");
  lock.lock();
  lock.lock();
  const std::string owner = std::to_string(get_ident());
  EXPECT_EQ(to_string(lock), "<RLock locked owner=" + owner + " count=2>");
  Bunch(1, [&] { EXPECT_EQ(to_string(lock), "<RLock locked owner=" + owner + ">"); }).join();
}

}  // namespace
