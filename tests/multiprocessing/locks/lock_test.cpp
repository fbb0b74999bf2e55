// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What Lock and RLock between processes have in common; then what only one of them does.

#include <coeval/multiprocessing/lock.hpp>

#include "multiprocessing/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/threading/lock.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::Bunch;
using multiprocessing_test::error_of_loading;
using multiprocessing_test::in_process;
using multiprocessing_test::kill_and_join;
using multiprocessing_test::pickled;
using multiprocessing_test::SharedNumbers;
using multiprocessing_test::started;

template <class L>
class LockBetweenProcesses : public testing::Test {
 protected:
  // Whether another thread, and whether another process, can take the lock at this moment.
  bool free_for_threads() const {
    bool taken = false;
    Bunch(1, [&] {
      if (lock.acquire(0s)) {
        taken = true;
        lock.release();
      }
    }).join();
    return taken;
  }
  bool free_for_processes() const {
    return in_process(
               +[](L other) { std::_Exit(other.try_lock() ? (other.unlock(), 7) : 8); }, lock) == 7;
  }

  // The death of a holder was told, and the lock is as it was before.
  void expect_death_is_told_once() const {
    EXPECT_THROW(lock.acquire(), OwnerDied);
    EXPECT_TRUE(free_for_threads());
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(lock.acquire(0s));
      lock.release();
    }
    EXPECT_TRUE(free_for_processes());
  }

  const L lock;
};

using Locks = testing::Types<Lock, RLock, Condition>;
TYPED_TEST_SUITE(LockBetweenProcesses, Locks);

template <class L>
void hold_for_ever(L lock, Event held) {
  lock.acquire();
  held.set();
  Event().wait();
}

// CPython's test_lock and test_lock_context.
TYPED_TEST(LockBetweenProcesses, is_taken_and_given_back) {
  EXPECT_TRUE(this->lock.acquire());
  EXPECT_FALSE(this->free_for_threads());
  EXPECT_FALSE(this->free_for_processes());
  this->lock.release();
  EXPECT_TRUE(this->free_for_threads());
  EXPECT_TRUE(this->free_for_processes());
  {
    const threading::Guard guard(this->lock);
    EXPECT_FALSE(this->free_for_processes());
  }
  {
    const std::scoped_lock guard(this->lock);
    EXPECT_FALSE(this->free_for_processes());
  }
  EXPECT_TRUE(this->lock.try_lock());
  this->lock.unlock();
  EXPECT_TRUE(this->lock.try_lock_for(1s));
  this->lock.unlock();
}

TYPED_TEST(LockBetweenProcesses, is_released_by_its_holder_only) {
  EXPECT_THROW(this->lock.release(), RuntimeError);
  this->lock.acquire();
  Bunch(1, [&] { EXPECT_THROW(this->lock.release(), RuntimeError); }).join();
  EXPECT_EQ(in_process(
                +[](TypeParam it) {
                  try {
                    it.release();
                  } catch (const RuntimeError&) {
                    std::_Exit(7);
                  }
                },
                this->lock),
            7);
  EXPECT_FALSE(this->free_for_threads());
  this->lock.release();
  EXPECT_THROW(this->lock.release(), RuntimeError);
}

TYPED_TEST(LockBetweenProcesses, a_timeout_ends_the_wait_and_is_not_early) {
  Event held;
  Process holder = started(hold_for_ever<TypeParam>, this->lock, held);
  held.wait();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(this->lock.acquire(120ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 120ms);
  EXPECT_FALSE(this->lock.acquire(0s));
  EXPECT_FALSE(this->lock.acquire(-1s));
  EXPECT_FALSE(this->lock.try_lock_until(std::chrono::steady_clock::now() + 1ms));
  kill_and_join(holder);
}

template <class L>
void count_up(L lock, SharedNumbers numbers, int times) {
  for (int i = 0; i < times; ++i) {
    const threading::Guard guard(lock);
    numbers.add_unprotected();
  }
}

TYPED_TEST(LockBetweenProcesses, excludes_threads_and_processes) {
  constexpr int times = 3000;
  const SharedNumbers numbers;
  std::vector<Process> processes;
  for (int i = 0; i < 3; ++i) {
    processes.push_back(started(count_up<TypeParam>, this->lock, numbers, times));
  }
  Bunch(2, [&] { count_up(this->lock, numbers, times); }).join();
  for (Process& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  EXPECT_EQ(numbers.get(), 5 * times);
}

TYPED_TEST(LockBetweenProcesses, a_pickled_handle_means_the_same_lock) {
  auto [left, right] = Pipe();
  left.send(this->lock);
  const auto other = right.recv<TypeParam>();
  other.acquire();
  EXPECT_FALSE(this->free_for_threads());
  // By another handle; ThreadSanitizer knows a mutex by its address.
  (threading_test::under_thread_sanitizer ? other : this->lock).release();
  EXPECT_TRUE(this->free_for_threads());
}

TYPED_TEST(LockBetweenProcesses, the_death_of_a_killed_holder_is_told_once) {
  for (int i = 0; i < 3; ++i) {
    Event held;
    Process holder = started(hold_for_ever<TypeParam>, this->lock, held);
    held.wait();
    kill_and_join(holder);
    this->expect_death_is_told_once();
  }
}

TYPED_TEST(LockBetweenProcesses, so_is_that_of_one_who_exits_returns_or_execs) {
  EXPECT_EQ(in_process(+[](TypeParam it) { it.acquire(), std::_Exit(3); }, this->lock), 3);
  this->expect_death_is_told_once();
  EXPECT_EQ(in_process(+[](TypeParam it) { it.acquire(), std::exit(3); }, this->lock), 3);
  this->expect_death_is_told_once();
  EXPECT_EQ(in_process(+[](TypeParam it) { it.acquire(); }, this->lock), 0);
  this->expect_death_is_told_once();
  EXPECT_EQ(in_process(
                +[](TypeParam it) {
                  it.acquire();
                  ::execl("/bin/true", "true", nullptr);
                },
                this->lock),
            0);
  this->expect_death_is_told_once();
}

TYPED_TEST(LockBetweenProcesses, so_is_that_of_a_thread) {
  Bunch(1, [&] { this->lock.acquire(); }).join();
  this->expect_death_is_told_once();
}

// The kernel finds the locks of the dead in a list that goes through them.
TYPED_TEST(LockBetweenProcesses, so_is_that_of_one_who_has_dropped_its_handle) {
  Bunch(1, [&] {
    const TypeParam second;
    {
      pickled(this->lock).acquire();
    }
    second.acquire();
    const TypeParam again = pickled(second);
    (threading_test::under_thread_sanitizer ? second : again).unlock();
    second.acquire();
    {
      const auto third = pickled(TypeParam());
      third.acquire();
    }
  }).join();
  this->expect_death_is_told_once();
}

TYPED_TEST(LockBetweenProcesses, one_drops_the_handle_of_what_another_thread_holds) {
  std::optional<TypeParam> handle(pickled(this->lock));
  Event held;
  Event dropped;
  Bunch holder(1, [&] {
    handle->acquire();
    held.set();
    dropped.wait();
    EXPECT_FALSE(this->free_for_processes());
    TypeParam().acquire();
  });
  held.wait();
  handle.reset();
  dropped.set();
  holder.join();
  this->expect_death_is_told_once();
}

TYPED_TEST(LockBetweenProcesses, a_death_hangs_nobody_who_waits) {
  constexpr long count = 4;
  Event held;
  const SharedNumbers numbers(2);
  Process holder = started(hold_for_ever<TypeParam>, this->lock, held);
  held.wait();
  const auto wait_for_it = [](TypeParam it, SharedNumbers seen) {
    ++seen[0];
    for (bool taken = false; !taken;) {
      try {
        taken = it.acquire();
      } catch (const OwnerDied&) {
        ++seen[1];
      }
    }
    it.release();
  };
  std::vector<Process> waiters;
  for (long i = 0; i < count; ++i) {
    waiters.push_back(started(wait_for_it, this->lock, numbers));
  }
  numbers.until_is(count);
  kill_and_join(holder);
  for (Process& waiter : waiters) {
    waiter.join();
    EXPECT_EQ(waiter.exitcode(), 0);
  }
  EXPECT_EQ(numbers.get(1), 1);
}

TYPED_TEST(LockBetweenProcesses, a_forked_child_does_not_hold_what_its_parent_holds) {
  this->lock.acquire();
  const pid_t child = ::fork();
  if (child == 0) {
    bool refused = false;
    try {
      this->lock.release();
    } catch (const RuntimeError&) {
      refused = !this->lock.try_lock();
    }
    ::_exit(refused ? 7 : 8);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_FALSE(this->free_for_threads());  // nor does the child's end give it back
  this->lock.release();
  EXPECT_TRUE(this->free_for_threads());
}

TYPED_TEST(LockBetweenProcesses, a_handle_that_was_moved_from_is_an_error) {
  TypeParam one;
  const TypeParam other = std::move(one);
  EXPECT_THROW(one.acquire(), RuntimeError);
  EXPECT_THROW(one.release(), RuntimeError);
  EXPECT_TRUE(other.acquire());
  other.release();
}

// Those that have no condition.
template <class L>
class PlainLockBetweenProcesses : public LockBetweenProcesses<L> {};
using PlainLocks = testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(PlainLockBetweenProcesses, PlainLocks);

TYPED_TEST(PlainLockBetweenProcesses, says_whether_it_is_locked) {
  EXPECT_FALSE(this->lock.locked());
  EXPECT_TRUE(to_string(this->lock).ends_with("ock unlocked>")) << to_string(this->lock);
  this->lock.acquire();
  EXPECT_EQ(in_process(+[](TypeParam it) { std::_Exit(it.locked() ? 7 : 8); }, this->lock), 7);
  const std::string text = std::is_same_v<TypeParam, Lock>
                               ? "<Lock locked>"
                               : "<RLock locked owner=" + std::to_string(::getpid()) + " count=1>";
  EXPECT_EQ(to_string(this->lock), text);
  this->lock.release();
}

TYPED_TEST(PlainLockBetweenProcesses, repair_is_called_after_a_death_and_only_then) {
  int repairs = 0;
  const auto repair = [&] {
    EXPECT_TRUE(this->lock.locked());
    ++repairs;
  };
  EXPECT_TRUE(this->lock.acquire_or_repair(repair));
  EXPECT_EQ(repairs, 0);
  EXPECT_FALSE(this->free_for_processes());
  this->lock.release();
  in_process(+[](TypeParam it) { it.acquire(), std::_Exit(0); }, this->lock);
  EXPECT_TRUE(this->lock.acquire_or_repair(repair));
  EXPECT_EQ(repairs, 1);
  EXPECT_FALSE(this->free_for_processes());
  this->lock.release();
  EXPECT_TRUE(this->lock.acquire_or_repair(repair));
  EXPECT_EQ(repairs, 1);
  Bunch(1, [&] { EXPECT_FALSE(this->lock.acquire_or_repair(repair, 1ms)); }).join();
  this->lock.release();
}

TYPED_TEST(PlainLockBetweenProcesses,
           a_repair_that_fails_leaves_the_lock_free_and_the_death_untold) {
  in_process(+[](TypeParam it) { it.acquire(), std::_Exit(0); }, this->lock);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(this->lock.acquire_or_repair([] { throw std::out_of_range("no"); }),
                 std::out_of_range);
    EXPECT_FALSE(this->lock.locked());
  }
  const auto die = [](TypeParam it) { it.acquire_or_repair([] { std::_Exit(0); }); };
  EXPECT_EQ(in_process(die, this->lock), 0);
  this->expect_death_is_told_once();
}

TYPED_TEST(PlainLockBetweenProcesses, what_came_must_be_one) {
  using Other = std::conditional_t<std::is_same_v<TypeParam, Lock>, RLock, Lock>;
  EXPECT_THROW(pickle::loads_parcel<TypeParam>(pickle::dumps_parcel(Event())), PickleError);
  SharedMemory memory(4096);
  EXPECT_NE(error_of_loading<TypeParam>(memory), "");
  EXPECT_NE(error_of_loading<TypeParam>(SharedMemory(1)), "");
  auto archive = pickle::OutputArchive::with_descriptors();
  Other().save(archive);
  pickle::Parcel parcel = archive.take();
  pickle::InputArchive input(parcel.bytes, parcel.descriptors);
  EXPECT_THROW(TypeParam::load(input), PickleError);
}

}  // namespace
}  // namespace coeval::multiprocessing
