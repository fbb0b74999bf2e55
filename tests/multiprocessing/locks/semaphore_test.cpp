// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/semaphore.hpp>

#include "multiprocessing/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/threading/lock.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::Bunch;
using multiprocessing_test::error_of_loading;
using multiprocessing_test::in_process;
using multiprocessing_test::kill_and_join;
using multiprocessing_test::require;
using multiprocessing_test::SharedNumbers;
using multiprocessing_test::SignalsAllTheTime;
using multiprocessing_test::started;

template <class S>
class AnySemaphore : public testing::Test {};
using Semaphores = testing::Types<Semaphore, BoundedSemaphore>;
TYPED_TEST_SUITE(AnySemaphore, Semaphores);

template <class S>
void hold_permits(S semaphore, int count, Event held) {
  for (int i = 0; i < count; ++i) {
    semaphore.acquire();
  }
  held.set();
  Event().wait();
}

// CPython's test_semaphore and test_bounded_semaphore.
TYPED_TEST(AnySemaphore, counts_down_and_up) {
  const TypeParam semaphore(2);
  EXPECT_EQ(semaphore.value(), 2);
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_EQ(semaphore.value(), 1);
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_EQ(semaphore.value(), 0);
  EXPECT_FALSE(semaphore.try_acquire());
  EXPECT_EQ(in_process(+[](TypeParam it) { std::_Exit(it.try_acquire() ? 7 : 8); }, semaphore), 8);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 1);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 2);
}

// CPython's test_timeout.
TYPED_TEST(AnySemaphore, a_timeout_ends_the_wait_and_is_not_early) {
  const TypeParam semaphore(1);
  semaphore.acquire();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(semaphore.acquire(0s));
  EXPECT_FALSE(semaphore.acquire(-1s));
  EXPECT_FALSE(semaphore.try_acquire_for(120ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 120ms);
  Bunch(2, [&] { EXPECT_FALSE(semaphore.acquire(5ms)); }).join();
  semaphore.release();
  EXPECT_TRUE(semaphore.try_acquire_until(std::chrono::steady_clock::now()));
  semaphore.release();
}

TYPED_TEST(AnySemaphore, is_a_lock_for_guards) {
  const TypeParam semaphore(1);
  {
    const threading::Guard guard(semaphore);
    EXPECT_EQ(semaphore.value(), 0);
  }
  EXPECT_EQ(semaphore.value(), 1);
}

TYPED_TEST(AnySemaphore, refuses_impossible_numbers) {
  EXPECT_THROW(TypeParam(-1), ValueError);
  EXPECT_THROW(TypeParam(TypeParam::max() + 1), ValueError);
  const TypeParam semaphore(TypeParam::max());
  EXPECT_EQ(semaphore.value(), 4096);
  EXPECT_THROW(semaphore.release(0), ValueError);
  EXPECT_THROW(semaphore.release(-1), ValueError);
  for (int i = 0; i < 4096; ++i) {
    EXPECT_TRUE(semaphore.try_acquire());
  }
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(4096);
  EXPECT_EQ(semaphore.value(), 4096);
}

TYPED_TEST(AnySemaphore, any_thread_and_any_process_may_release) {
  const TypeParam semaphore(2);
  semaphore.acquire();
  semaphore.acquire();
  Bunch(1, [&] { semaphore.release(); }).join();
  EXPECT_EQ(semaphore.value(), 1);
  EXPECT_EQ(in_process(+[](TypeParam it) { it.release(); }, semaphore), 0);
  EXPECT_EQ(semaphore.value(), 2);
}

TYPED_TEST(AnySemaphore, a_release_of_many_wakes_as_many) {
  const TypeParam semaphore(5);
  for (int i = 0; i < 5; ++i) {
    semaphore.acquire();
  }
  const SharedNumbers numbers(2);
  std::vector<Process> processes;
  for (int i = 0; i < 2; ++i) {
    processes.push_back(started(
        +[](TypeParam it, SharedNumbers seen) {
          ++seen[0];
          require(it.acquire());
          ++seen[1];
          Event().wait();
        },
        semaphore, numbers));
  }
  Bunch threads(3, [&] {
    ++numbers[0];
    EXPECT_TRUE(semaphore.acquire());
    ++numbers[1];
  });
  numbers.until_is(5);
  EXPECT_EQ(numbers.get(1), 0);
  semaphore.release(2);
  numbers.until_is(2, 1);
  semaphore.release(3);
  numbers.until_is(5, 1);
  EXPECT_EQ(semaphore.value(), 0);
  threads.join();
  std::ranges::for_each(processes, kill_and_join);
}

template <class S>
void use(S semaphore, SharedNumbers inside, int times, long most) {
  for (int i = 0; i < times; ++i) {
    const threading::Guard guard(semaphore);
    require(++inside[0] <= most);
    --inside[0];
  }
}

// Many threads of many processes hold and release at once: no release is ever taken for one too
// many, and none too many hold.
TYPED_TEST(AnySemaphore, lets_so_many_in_and_no_more) {
  const TypeParam semaphore(2);
  const SharedNumbers inside;
  std::vector<Process> processes;
  for (int i = 0; i < 2; ++i) {
    processes.push_back(started(use<TypeParam>, semaphore, inside, 5000, 2L));
  }
  Bunch(3, [&] { EXPECT_NO_THROW(use(semaphore, inside, 5000, 2)); }).join();
  for (Process& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  EXPECT_EQ(semaphore.value(), 2);
}

TYPED_TEST(AnySemaphore, a_permit_of_the_dead_comes_back_and_each_is_told_once) {
  const TypeParam semaphore(3);
  Event held;
  Process holder = started(hold_permits<TypeParam>, semaphore, 2, held);
  held.wait();
  semaphore.acquire();
  EXPECT_FALSE(semaphore.acquire(60ms));  // the holder lives
  kill_and_join(holder);
  EXPECT_FALSE(semaphore.try_acquire());  // a poll finds out nothing
  EXPECT_THROW(semaphore.acquire(), OwnerDied);
  EXPECT_EQ(semaphore.value(), 1);
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_THROW(semaphore.acquire(1ms), OwnerDied);  // short waits find out, too
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_EQ(semaphore.value(), 0);
  EXPECT_FALSE(semaphore.acquire(60ms));
  semaphore.release(3);
  EXPECT_EQ(semaphore.value(), 3);
}

TYPED_TEST(AnySemaphore, a_death_hangs_nobody_who_waits) {
  const TypeParam semaphore(1);
  Event held;
  Process holder = started(hold_permits<TypeParam>, semaphore, 1, held);
  held.wait();
  std::atomic<int> told{0};
  Bunch waiters(5, [&] {
    try {
      semaphore.acquire();
    } catch (const OwnerDied&) {
      ++told;
      semaphore.acquire();
    }
    semaphore.release();
  });
  kill_and_join(holder);
  waiters.join();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(semaphore.value(), 1);
}

TYPED_TEST(AnySemaphore, sleeps_that_end_all_the_time_do_not_hide_a_death) {
  const TypeParam semaphore(1);
  Event held;
  Process holder = started(hold_permits<TypeParam>, semaphore, 1, held);
  held.wait();
  kill_and_join(holder);
  const SignalsAllTheTime signals;
  EXPECT_THROW(semaphore.acquire(), OwnerDied);
  EXPECT_EQ(semaphore.value(), 1);
}

// The one that is stopped was the first to wait.
TYPED_TEST(AnySemaphore, one_who_waits_and_is_stopped_holds_up_nobody) {
  const TypeParam semaphore(1);
  semaphore.acquire();
  const Event waits;
  Process waiter = started(
      +[](TypeParam it, Event here) {
        here.set();
        it.acquire();
        it.release();
      },
      semaphore, waits);
  waits.wait();
  multiprocessing_test::stop(waiter);
  Bunch others(3, [&] {
    semaphore.acquire();
    semaphore.release();
  });
  semaphore.release();
  others.join();
  ::kill(waiter.pid().value(), SIGCONT);
  waiter.join();
  EXPECT_EQ(semaphore.value(), 1);
}

TYPED_TEST(AnySemaphore, a_forked_child_holds_no_permit_of_its_parent) {
  const TypeParam semaphore(2);
  semaphore.acquire();
  const pid_t child = ::fork();
  if (child == 0) {
    semaphore.acquire();
    ::_exit(0);
  }
  siginfo_t end{};
  ::waitid(P_PID, static_cast<id_t>(child), &end, WEXITED | WNOWAIT);
  EXPECT_THROW(semaphore.acquire(), OwnerDied);  // of a zombie, too
  EXPECT_EQ(semaphore.value(), 1);
  ::waitpid(child, nullptr, 0);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 2);
}

TYPED_TEST(AnySemaphore, what_came_must_be_one) {
  EXPECT_THROW(pickle::loads_parcel<TypeParam>(pickle::dumps_parcel(Event())), PickleError);
  EXPECT_NE(error_of_loading<TypeParam>(SharedMemory(4096)), "");
  EXPECT_NE(error_of_loading<TypeParam>(SharedMemory(3)), "");
}

// CPython's test_bounded_semaphore, and BoundedSemaphoreTests.
TEST(BoundedSemaphoreOfProcesses, a_release_too_many_is_an_error_and_changes_nothing) {
  const BoundedSemaphore semaphore(3);
  EXPECT_THROW(semaphore.release(), ValueError);
  semaphore.acquire();
  semaphore.acquire();
  EXPECT_THROW(semaphore.release(3), ValueError);
  EXPECT_EQ(semaphore.value(), 1);
  semaphore.release(2);
  EXPECT_THROW(semaphore.release(), ValueError);
  EXPECT_EQ(to_string(semaphore), "<BoundedSemaphore value=3/3>");
}

TEST(BoundedSemaphoreOfProcesses, comes_back_as_itself) {
  auto [left, right] = Pipe();
  left.send(BoundedSemaphore(1));
  EXPECT_THROW(right.recv<BoundedSemaphore>().release(), ValueError);
  const Semaphore plain(1);
  auto archive = pickle::OutputArchive::with_descriptors();
  plain.save(archive);
  pickle::Parcel parcel = archive.take();
  pickle::InputArchive input(parcel.bytes, parcel.descriptors);
  EXPECT_THROW(BoundedSemaphore::load(input), PickleError);
}

TEST(SemaphoreOfProcesses, a_release_beyond_the_initial_value_is_a_signal) {
  const Semaphore signals(0);
  EXPECT_FALSE(signals.try_acquire());
  EXPECT_EQ(in_process(+[](Semaphore it) { it.release(3); }, signals), 0);
  EXPECT_EQ(signals.value(), 3);
  EXPECT_EQ(to_string(signals), "<Semaphore value=3>");
  EXPECT_EQ(in_process(+[](Semaphore it) { it.acquire(), std::_Exit(0); }, signals), 0);
  EXPECT_EQ(signals.value(), 2);  // a signal has no holder
  EXPECT_TRUE(signals.acquire());
  EXPECT_TRUE(signals.acquire());
  EXPECT_FALSE(signals.acquire(60ms));
}

TEST(SemaphoreOfProcesses, has_a_largest_number_of_signals) {
  const Semaphore signals(1);
  EXPECT_THROW(signals.release(Semaphore::max_signals() + 1), ValueError);
  EXPECT_EQ(signals.value(), 1);
}

// The memory says how many permits it holds; it must have room for them.
TEST(SemaphoreOfProcesses, a_count_that_the_memory_has_no_room_for_is_an_error) {
  const Semaphore semaphore(3);
  auto archive = pickle::OutputArchive::with_descriptors();
  semaphore.save(archive);
  pickle::Parcel parcel = archive.take();
  const auto file = parcel.descriptors.at(0).get();
  const std::uint32_t count = 4;
  ASSERT_EQ(::pwrite(file, &count, sizeof count, 8), 4);
  pickle::InputArchive input(parcel.bytes, parcel.descriptors);
  EXPECT_THROW(Semaphore::load(input), PickleError);
}

}  // namespace
}  // namespace coeval::multiprocessing
