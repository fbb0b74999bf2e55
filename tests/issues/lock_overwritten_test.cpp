// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A process that shares a lock overwrites its memory while this one holds it: no pointer lies there
// that the release could write through, and a release in a guard's destructor ends nobody.

#include "support/hostile_memory.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/multiprocessing/value.hpp>
#include <coeval/threading/lock.hpp>

#include <gtest/gtest.h>

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using coeval::OwnerDied;
using coeval::multiprocessing::Condition;
using coeval::multiprocessing::Lock;
using coeval::multiprocessing::RLock;
using coeval::multiprocessing::Value;
using support::HostileMemory;

constexpr std::uint32_t sleepers = 0x8000'0000;

// As a lock is taken where clang's analysis cannot follow: it may be overwritten meanwhile.
template <class L>
bool take(const L& lock,
          coeval::Deadline deadline = coeval::never) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  return lock.acquire(deadline);
}
template <class L>
void give_back(const L& lock) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  lock.unlock();
}

// The words that a call changes.
template <class F>
std::vector<std::size_t> changed_by(const HostileMemory& memory, F call) {
  const std::vector<std::uint32_t> before = memory.copy();
  call();
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (memory.get(i) != before[i]) {
      found.push_back(i);
    }
  }
  return found;
}

// The low half of the word that says which thread holds a lock.
std::size_t word_of_the_holder(const HostileMemory& memory) {
  const auto self = static_cast<std::uint32_t>(::syscall(SYS_gettid));
  for (std::size_t i = 0; i + 1 < memory.words(); ++i) {
    if ((memory.get(i) & ~sleepers) == self && memory.get(i + 1) != 0 && i % 2 == 0) {
      return i;
    }
  }
  throw std::logic_error("the holder is not in the memory");
}

// Runs a call on a thread of its own, and what OwnerDied tells in it: whether it was told.
template <class F>
bool is_told_a_death(F call) {
  bool told = false;
  std::thread([&] {
    try {
      call();
    } catch (const OwnerDied&) {
      told = true;
    }
  }).join();
  return told;
}

TEST(LockOverwritten, while_it_is_held_by_a_guard_ends_nobody) {
  constexpr std::array<std::uint32_t, 5> values{0, 1, 0x7fff'ffff, 0xffff'ffff, 0x41414140};
  const Lock lock;
  const HostileMemory memory(lock);
  const std::vector<std::uint32_t> first = memory.copy();
  const auto words = changed_by(memory, [&] { take(lock); });
  give_back(lock);
  for (const std::uint32_t value : values) {
    for (const std::size_t word : words) {
      memory.restore(first);
      {
        const std::scoped_lock guard(lock);
        memory.set(word, value);
      }
      memory.restore(first);
      {
        const coeval::threading::Guard guard(lock);
        for (const std::size_t all : words) {
          memory.set(all, value);
        }
      }
    }
  }
  memory.restore(first);
  EXPECT_TRUE(take(lock, 0s));
  give_back(lock);
  EXPECT_THROW(give_back(lock), coeval::RuntimeError);
}

// What lies behind the lock in its memory was never written by it, and may be anything.
TEST(LockOverwritten, in_every_word_costs_what_it_guards_only) {
  const Value<int> value(7);
  const RLock& lock = value.get_lock();
  const HostileMemory memory(value);
  const std::vector<std::uint32_t> first = memory.copy();
  for (std::size_t word = 2; word < 64; ++word) {  // the header is fixed
    for (const std::uint32_t other : {1U, 0xffff'ffffU, 0x0041'4140U}) {
      memory.restore(first);
      try {
        const std::scoped_lock guard(lock);
        memory.set(word, other);
        value.set(8, 0s);
      } catch (const coeval::Error&) {
      }
    }
  }
  memory.restore(first);
  EXPECT_EQ(value.get(), 7);
}

// As when the id of the holder was given to a later thread.
TEST(LockOverwritten, a_thread_that_has_the_id_of_a_dead_holder_is_not_taken_for_it) {
  const Lock lock;
  const HostileMemory memory(lock);
  take(lock);
  const std::size_t holder = word_of_the_holder(memory);
  EXPECT_FALSE(is_told_a_death([&] { EXPECT_FALSE(take(lock, 0s)); }));
  memory.set(holder + 1, memory.get(holder + 1) + 1);  // when it began
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(is_told_a_death([&] { take(lock, 5s); }));
  EXPECT_FALSE(is_told_a_death([&] { take(lock), give_back(lock); }));
  give_back(lock);  // this thread has taken it, and others came and went: nothing to complain of
  EXPECT_THROW(give_back(lock), coeval::RuntimeError);
}

// Process 1 is always there; that a word came from nobody does not show.
TEST(LockOverwritten, with_a_living_holder_a_deadline_still_ends_the_wait) {
  const Condition condition;
  const HostileMemory memory(condition);
  take(condition);
  const std::size_t holder = word_of_the_holder(memory);
  memory.set(holder, 1);
  memory.set(holder + 1, 0);
  EXPECT_FALSE(take(condition, 0s));
  EXPECT_FALSE(take(condition, 20ms));
  give_back(condition);
  memory.set(holder, 0);
  EXPECT_TRUE(take(condition, 0s));
  give_back(condition);
}

}  // namespace
