// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/semaphore.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using threading_test::Bunch;
using threading_test::CountFutexCalls;
using threading_test::until;

template <class S>
class SemaphoreContract : public testing::Test {};
using Semaphores = testing::Types<Semaphore, BoundedSemaphore>;
TYPED_TEST_SUITE(SemaphoreContract, Semaphores);

TYPED_TEST(SemaphoreContract, a_negative_or_enormous_initial_value_raises) {
  EXPECT_THROW(TypeParam(-1), coeval::ValueError);
  EXPECT_THROW(TypeParam(PTRDIFF_MIN), coeval::ValueError);
  EXPECT_THROW(TypeParam(Semaphore::max() + 1), coeval::ValueError);
  EXPECT_EQ(TypeParam(Semaphore::max()).value(), Semaphore::max());
  EXPECT_FALSE(TypeParam(0).try_acquire());
}

TYPED_TEST(SemaphoreContract, is_acquired_as_often_as_its_value_says) {
  TypeParam semaphore(2);
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_FALSE(semaphore.acquire(0s));
  semaphore.release();
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(2);
  EXPECT_EQ(semaphore.value(), 2);
}

TYPED_TEST(SemaphoreContract, can_be_destroyed_while_acquired) {
  TypeParam semaphore;
  EXPECT_TRUE(semaphore.acquire());
}

TYPED_TEST(SemaphoreContract, each_release_lets_one_waiter_go) {
  TypeParam semaphore(7);
  semaphore.acquire();
  std::atomic<int> acquired{0};
  Bunch bunch(10, [&] {
    EXPECT_TRUE(semaphore.acquire());
    ++acquired;
    EXPECT_TRUE(semaphore.acquire());
    ++acquired;
  });
  until([&] { return acquired == 6; });
  for (int i = 0; i < 7; ++i) {
    semaphore.release();
  }
  until([&] { return acquired == 13; });
  for (int i = 0; i < 6; ++i) {
    semaphore.release();
  }
  until([&] { return acquired == 19; });
  EXPECT_FALSE(semaphore.acquire(0s));
  semaphore.release();
  bunch.join();
  EXPECT_EQ(acquired, 20);
}

TYPED_TEST(SemaphoreContract, a_release_of_n_lets_n_waiters_go) {
  TypeParam semaphore(7);
  semaphore.acquire();
  std::atomic<int> acquired{0};
  Bunch bunch(10, [&] {
    semaphore.acquire();
    ++acquired;
    semaphore.acquire();
    ++acquired;
  });
  until([&] { return acquired == 6; });
  semaphore.release(7);
  until([&] { return acquired == 13; });
  semaphore.release(6);
  until([&] { return acquired == 19; });
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release();
}

TYPED_TEST(SemaphoreContract, one_release_of_n_wakes_all_that_sleep) {
  CountFutexCalls calls;
  TypeParam semaphore(4);
  for (int i = 0; i < 4; ++i) {
    semaphore.acquire();
  }
  Bunch bunch(4, [&] { semaphore.acquire(); });
  calls.until_waits(4);
  semaphore.release(4);
  bunch.join();
  EXPECT_EQ(semaphore.value(), 0);
}

TYPED_TEST(SemaphoreContract, as_many_threads_succeed_as_the_value_says) {
  TypeParam semaphore(4);
  semaphore.acquire();
  std::atomic<int> succeeded{0};
  Bunch(5, [&] {
    succeeded += semaphore.try_acquire() ? 1 : 0;
    succeeded += semaphore.acquire(0s) ? 1 : 0;
  }).join();
  EXPECT_EQ(succeeded, 3);
}

TYPED_TEST(SemaphoreContract, a_timeout_ends_the_wait_and_is_not_early) {
  CountFutexCalls calls;
  TypeParam semaphore(2);
  EXPECT_TRUE(semaphore.acquire(5ms));
  EXPECT_TRUE(semaphore.try_acquire_for(5ms));
  EXPECT_FALSE(semaphore.acquire(1ms));
  semaphore.release();
  EXPECT_TRUE(semaphore.try_acquire_until(std::chrono::steady_clock::now() + 5ms));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(semaphore.acquire(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 1);
  EXPECT_EQ(calls.wakes(), 0);  // a waiter that gave up is not counted any more
}

// Python raises ValueError for acquire(False, timeout=1); here there is one deadline.
TYPED_TEST(SemaphoreContract, a_zero_or_negative_timeout_is_a_poll_without_a_system_call) {
  CountFutexCalls calls;
  TypeParam semaphore(1);
  EXPECT_TRUE(semaphore.acquire(-1s));
  EXPECT_FALSE(semaphore.acquire(-1s));
  EXPECT_FALSE(semaphore.acquire(0s));
  semaphore.release();
  EXPECT_EQ(calls.waits() + calls.wakes(), 0);
}

TYPED_TEST(SemaphoreContract, the_default_value_is_one) {
  CountFutexCalls calls;
  TypeParam semaphore;
  semaphore.acquire();
  Bunch bunch(1, [&] {
    semaphore.acquire();
    semaphore.release();
  });
  calls.until_waits(1);
  EXPECT_EQ(bunch.finished(), 0);
  semaphore.release();
}

TYPED_TEST(SemaphoreContract, guards_release_it_also_by_an_exception) {
  TypeParam semaphore(2);
  const auto work = [&](bool fail) {
    Guard outer(static_cast<Semaphore&>(semaphore));
    EXPECT_EQ(semaphore.value(), 1);
    const std::scoped_lock inner(semaphore);
    EXPECT_FALSE(semaphore.try_acquire());
    if (fail) {
      throw std::runtime_error("inside");
    }
  };
  work(false);
  EXPECT_EQ(semaphore.value(), 2);
  EXPECT_THROW(work(true), std::runtime_error);
  EXPECT_EQ(semaphore.value(), 2);
}

TYPED_TEST(SemaphoreContract, a_release_of_less_than_one_raises) {
  TypeParam semaphore(1);
  semaphore.acquire();
  EXPECT_THROW(semaphore.release(0), coeval::ValueError);
  EXPECT_THROW(semaphore.release(-1), coeval::ValueError);
  EXPECT_EQ(semaphore.value(), 0);
}

TYPED_TEST(SemaphoreContract, nothing_is_lost_between_many_threads) {
  TypeParam semaphore(3);
  std::atomic<int> inside{0};
  Bunch(6, [&] {
    for (int i = 0; i < 500; ++i) {
      const auto timeout = i % 3 == 0 ? coeval::Deadline(20us) : coeval::never;
      if (semaphore.acquire(timeout)) {
        EXPECT_LE(++inside, 3);
        --inside;
        semaphore.release();
      }
    }
  }).join();
  EXPECT_EQ(semaphore.value(), 3);
}

TEST(Semaphore, may_be_released_beyond_its_initial_value) {
  Semaphore semaphore(1);
  semaphore.release();
  EXPECT_TRUE(semaphore.acquire(0s));
  EXPECT_TRUE(semaphore.acquire(0s));
  semaphore.release();
  EXPECT_THROW(semaphore.release(Semaphore::max()), coeval::ValueError);
  EXPECT_EQ(semaphore.value(), 1);
}

TEST(Semaphore, to_string_shows_the_value) {
  Semaphore semaphore(3);
  EXPECT_EQ(to_string(semaphore), "<Semaphore value=3>");
  semaphore.acquire();
  EXPECT_EQ(to_string(semaphore), "<Semaphore value=2>");
  semaphore.release(2);
  EXPECT_EQ(to_string(semaphore), "<Semaphore value=4>");
}

TEST(Semaphore, may_be_destroyed_when_acquire_has_returned) {
  for (int i = 0; i < 300; ++i) {
    auto semaphore = std::make_unique<Semaphore>(0);
    Semaphore& shared = *semaphore;
    Thread waiter([semaphore = std::move(semaphore)]() mutable {
      semaphore->acquire();
      semaphore.reset();
    });
    waiter.start();
    shared.release();
    waiter.join();
  }
}

TEST(BoundedSemaphore, a_release_too_many_raises_and_changes_nothing) {
  BoundedSemaphore semaphore;
  EXPECT_THROW(semaphore.release(), coeval::ValueError);
  semaphore.acquire();
  semaphore.release();
  EXPECT_THROW(semaphore.release(), coeval::ValueError);
  EXPECT_EQ(semaphore.value(), 1);
}

TEST(BoundedSemaphore, its_bound_holds_for_releases_of_several_and_by_several_threads) {
  BoundedSemaphore semaphore(3);
  semaphore.acquire();
  semaphore.acquire();
  EXPECT_THROW(semaphore.release(3), coeval::ValueError);
  std::atomic<int> refused{0};
  Bunch(5, [&] {
    try {
      semaphore.release();
    } catch (const coeval::ValueError&) {
      ++refused;
    }
  }).join();
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(semaphore.value(), 3);
}

TEST(BoundedSemaphore, to_string_shows_value_and_bound) {
  BoundedSemaphore semaphore(3);
  EXPECT_EQ(to_string(semaphore), "<BoundedSemaphore value=3/3>");
  semaphore.acquire();
  EXPECT_EQ(to_string(semaphore), "<BoundedSemaphore value=2/3>");
}

}  // namespace
