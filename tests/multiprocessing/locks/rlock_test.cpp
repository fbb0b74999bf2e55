// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What tells Lock and RLock apart; lock_test.cpp has what they have in common.

#include <coeval/multiprocessing/rlock.hpp>

#include "multiprocessing/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/lock.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::Bunch;
using multiprocessing_test::in_process;

TEST(LockOfProcesses, its_holder_does_not_take_it_twice) {
  const Lock lock;
  lock.acquire();
  EXPECT_THROW(lock.acquire(), RuntimeError);
  EXPECT_FALSE(lock.acquire(10min));
  EXPECT_FALSE(lock.try_lock());
  EXPECT_TRUE(lock.locked());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

// CPython's test_rlock.
TEST(RLockOfProcesses, its_holder_takes_it_again_and_releases_it_as_often) {
  const RLock lock;
  for (std::size_t i = 1; i <= 3; ++i) {
    EXPECT_TRUE(lock.acquire());
    EXPECT_EQ(lock.recursion_count(), i);
  }
  EXPECT_TRUE(lock.is_owned());
  EXPECT_EQ(in_process(+[](RLock other) { std::_Exit(other.is_owned() ? 7 : 8); }, lock), 8);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(in_process(+[](RLock other) { std::_Exit(other.try_lock() ? 7 : 0); }, lock));
    lock.release();
  }
  EXPECT_EQ(lock.recursion_count(), 0U);
  EXPECT_FALSE(lock.is_owned());
  EXPECT_THROW(lock.release(), RuntimeError);
}

// Not more than ThreadSanitizer can follow.
TEST(LockOfProcesses, a_thread_may_hold_many_and_die) {
  std::vector<Lock> locks(50);
  Bunch(1, [&] {
    for (const Lock& lock : locks) {
      lock.acquire();
    }
  }).join();
  for (const Lock& lock : locks) {
    EXPECT_THROW(lock.acquire(), OwnerDied);
    EXPECT_TRUE(lock.try_lock());
    lock.unlock();
  }
}

}  // namespace
}  // namespace coeval::multiprocessing
