// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What happens when the kernel says no.

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using threading_test::Bunch;
using threading_test::SystemScope;

std::atomic<int> calls_until_failure{0};
std::atomic<int> futex_calls{0};

bool fails_now() {
  return calls_until_failure.fetch_sub(1) == 1;
}

const coeval::SystemCalls& failing_thread_create() {
  static const coeval::SystemCalls table = [] {
    coeval::SystemCalls calls = coeval::kernel();
    calls.thread_create = [](pthread_t* thread, std::size_t stack_size, void* (*entry)(void*),
                             void* argument) noexcept {
      return fails_now() ? EAGAIN
                         : coeval::kernel().thread_create(thread, stack_size, entry, argument);
    };
    return calls;
  }();
  return table;
}

TEST(Fault, a_thread_that_the_kernel_refuses_says_so_and_can_be_started_later) {
  SystemScope scope(failing_thread_create());
  const std::size_t before = active_count();
  bool ran = false;
  Thread t({.name = "unlucky"}, [&] { ran = true; });
  calls_until_failure = 1;
  try {
    t.start();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
    const std::string text = error.what();
    EXPECT_NE(text.find("pthread_create"), std::string::npos) << text;
    EXPECT_NE(text.find("unlucky"), std::string::npos) << text;
  }
  EXPECT_EQ(active_count(), before);
  EXPECT_FALSE(t.is_alive());
  EXPECT_EQ(t.ident(), std::nullopt);
  EXPECT_EQ(t.native_id(), std::nullopt);
  EXPECT_EQ(to_string(t), "<Thread(unlucky, initial)>");
  EXPECT_THROW(t.join(), coeval::RuntimeError);
  t.set_daemon(false);
  t.start();
  EXPECT_TRUE(t.join());
  EXPECT_TRUE(ran);
}

TEST(Fault, a_handle_of_a_thread_that_never_started_joins_nothing) {
  SystemScope scope(failing_thread_create());
  Thread t([] {});
  calls_until_failure = 1;
  EXPECT_THROW(t.start(), std::system_error);
}

TEST(Fault, the_nth_thread_of_many_may_fail) {
  SystemScope scope(failing_thread_create());
  for (int n = 1; n <= 4; ++n) {
    const std::size_t before = active_count();
    calls_until_failure = n;
    std::atomic<int> runs{0};
    std::vector<Thread> threads;
    int failures = 0;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { ++runs; });
      try {
        threads.back().start();
      } catch (const std::system_error&) {
        ++failures;
        threads.pop_back();
      }
    }
    threads.clear();
    EXPECT_EQ(failures, 1);
    EXPECT_EQ(runs, 3);
    EXPECT_EQ(active_count(), before);
  }
}

TEST(Fault, who_asks_for_the_native_id_of_a_thread_that_fails_to_start_gets_nothing) {
  static std::atomic<bool> asked;
  asked = false;
  static const coeval::SystemCalls table = [] {
    coeval::SystemCalls calls = coeval::kernel();
    calls.thread_create = [](pthread_t*, std::size_t, void* (*)(void*), void*) noexcept {
      threading_test::until([] { return asked.load(); });
      return EAGAIN;
    };
    calls.futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                          std::int64_t deadline) noexcept {
      asked = true;
      return coeval::kernel().futex_wait(word, expected, deadline);
    };
    return calls;
  }();
  Thread t([] {});
  Thread asks([&] {
    threading_test::until([&] { return t.is_alive(); });
    EXPECT_EQ(t.native_id(), std::nullopt);
  });
  asks.start();
  asks.native_id();
  SystemScope scope(table);
  EXPECT_THROW(t.start(), std::system_error);
  asks.join();
}

TEST(Fault, a_timer_that_cannot_start_can_be_started_later) {
  SystemScope scope(failing_thread_create());
  int calls = 0;
  Timer timer(0s, [&] { ++calls; });
  calls_until_failure = 1;
  EXPECT_THROW(timer.start(), std::system_error);
  timer.start();
  timer.join();
  EXPECT_EQ(calls, 1);
}

// One error in place of a sleep, and the sleep in most other calls.
template <int error, int one_in>
const coeval::SystemCalls& interrupted_sleeps() {
  static const coeval::SystemCalls table = [] {
    coeval::SystemCalls calls = coeval::kernel();
    calls.futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                          std::int64_t deadline) noexcept {
      const bool possible = error != ETIMEDOUT || deadline != coeval::never_ns;
      return possible && futex_calls.fetch_add(1) % one_in == 0
                 ? error
                 : coeval::kernel().futex_wait(word, expected, deadline);
    };
    return calls;
  }();
  return table;
}

// Uses every primitive with several threads; the sums tell whether anything was lost.
void work_with_everything() {
  constexpr int threads = 4;
  constexpr int rounds = 20;
  Lock lock;
  RLock recursive;
  Condition condition;
  Semaphore semaphore(2);
  Barrier barrier(threads);
  Event event;
  int counted = 0;
  int turn = 0;
  std::atomic<int> index{0};
  std::atomic<int> sum_of_places{0};
  Bunch bunch(threads, [&] {
    const int self = index++;
    EXPECT_TRUE(event.wait());
    for (int i = 0; i < rounds; ++i) {
      {
        Guard guard(lock);
        Guard outer(recursive);
        Guard inner(recursive);
        ++counted;
      }
      {
        Guard guard(condition);
        condition.wait_for([&] { return turn == self; });
        turn = (turn + 1) % threads;
        condition.notify_all();
      }
      semaphore.acquire();
      semaphore.release();
      sum_of_places += barrier.wait();
    }
  });
  event.set();
  bunch.join();
  EXPECT_EQ(counted, threads * rounds);
  EXPECT_EQ(sum_of_places, rounds * (0 + 1 + 2 + 3));
  EXPECT_EQ(semaphore.value(), 2);
}

TEST(Fault, a_storm_of_interruptions_changes_nothing) {
  SystemScope scope(interrupted_sleeps<EINTR, 1>());  // nobody ever sleeps
  work_with_everything();
}

TEST(Fault, some_interruptions_change_nothing) {
  SystemScope scope(interrupted_sleeps<EINTR, 3>());
  work_with_everything();
}

TEST(Fault, wakes_for_no_reason_change_nothing) {
  SystemScope scope(interrupted_sleeps<0, 2>());
  work_with_everything();
}

TEST(Fault, other_errors_of_a_sleep_change_nothing) {
  SystemScope scope(interrupted_sleeps<EAGAIN, 2>());
  work_with_everything();
}

TEST(Fault, interruptions_do_not_end_a_timed_wait_early) {
  SystemScope scope(interrupted_sleeps<EINTR, 2>());
  Event event;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(event.wait(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

// A timeout that comes at the very moment of the wake must not lose what the wake was for.
TEST(Fault, sleeps_that_all_time_out_lose_nothing) {
  SystemScope scope(interrupted_sleeps<ETIMEDOUT, 1>());
  Lock lock;
  Semaphore semaphore(1);
  int inside = 0;
  std::atomic<int> taken{0};
  Bunch(4, [&] {
    for (int i = 0; i < 200; ++i) {
      if (lock.acquire(1h)) {
        ++inside;
        lock.release();
      }
      if (semaphore.acquire(1h)) {
        ++taken;
        semaphore.release();
      }
    }
  }).join();
  EXPECT_GT(inside, 0);
  EXPECT_FALSE(lock.locked());
  EXPECT_EQ(semaphore.value(), 1);
}

TEST(Fault, a_kernel_that_keeps_no_names_is_no_error) {
  static const coeval::SystemCalls table = [] {
    coeval::SystemCalls calls = coeval::kernel();
    calls.thread_set_name = [](pthread_t, const char*) noexcept { return ENOSYS; };
    return calls;
  }();
  SystemScope scope(table);
  Thread t({.name = "A"}, [] { current_thread().set_name("B"); });
  t.start();
  t.join();
  EXPECT_EQ(t.name(), "B");
}

}  // namespace
