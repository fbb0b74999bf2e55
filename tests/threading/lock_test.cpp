// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/lock.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using threading_test::Bunch;
using threading_test::CountFutexCalls;

static_assert(sizeof(Lock) == 4);
static_assert(!std::is_copy_constructible_v<Lock> && !std::is_move_constructible_v<Lock>);
constinit Lock global_lock;

TEST(Lock, may_be_global) {
  Guard guard(global_lock);
  EXPECT_TRUE(global_lock.locked());
}

TEST(Lock, a_second_acquire_waits_for_a_release) {
  CountFutexCalls calls;
  Lock lock;
  std::atomic<int> phase{0};
  Bunch bunch(1, [&] {
    lock.acquire();
    phase = 1;
    lock.acquire();
    phase = 2;
  });
  calls.until_waits(1);
  EXPECT_EQ(phase, 1);
  lock.release();
  bunch.join();
  EXPECT_EQ(phase, 2);
  EXPECT_TRUE(lock.locked());
}

TEST(Lock, any_thread_may_release_it) {
  Lock lock;
  lock.lock();
  Bunch(1, [&] { lock.release(); }).join();
  EXPECT_TRUE(lock.acquire(0s));
  lock.release();
}

TEST(Lock, is_in_order_after_a_timeout) {
  Lock lock;
  lock.lock();
  EXPECT_FALSE(lock.acquire(1ms));
  lock.release();
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.acquire(0s));
}

TEST(Lock, release_of_a_free_lock_raises) {
  Lock lock;
  EXPECT_THROW(lock.release(), coeval::RuntimeError);
  EXPECT_FALSE(lock.locked());
  lock.lock();
  lock.unlock();
  EXPECT_THROW(lock.unlock(), coeval::RuntimeError);
  EXPECT_TRUE(lock.try_lock());
}

TEST(Lock, makes_no_system_call_without_contention) {
  CountFutexCalls calls;
  Lock lock;
  for (int i = 0; i < 100; ++i) {
    lock.lock();
    lock.unlock();
    EXPECT_TRUE(lock.acquire(1s));
    lock.release();
  }
  EXPECT_EQ(calls.waits() + calls.wakes(), 0);
}

TEST(Lock, to_string_shows_the_state) {
  Lock lock;
  EXPECT_EQ(to_string(lock), "<Lock unlocked>");
  lock.lock();
  EXPECT_EQ(to_string(lock), "<Lock locked>");
}

// The one who gets the lock last destroys it, while the one before may still be in unlock().
TEST(Lock, may_be_destroyed_by_the_thread_that_the_last_release_let_in) {
  for (int i = 0; i < 300; ++i) {
    auto lock = std::make_unique<Lock>();
    lock->lock();
    Lock& shared = *lock;
    Thread owner([lock = std::move(lock)]() mutable {
      lock->lock();
      lock.reset();
    });
    owner.start();
    shared.unlock();
    owner.join();
  }
}

}  // namespace
