// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/event.hpp>

#include "multiprocessing/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/semaphore.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
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
using multiprocessing_test::started;
using multiprocessing_test::until;

// CPython's test_event.
TEST(EventOfProcesses, is_set_and_cleared) {
  const Event event;
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(event.wait(0s));
  EXPECT_FALSE(event.wait(-1s));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(event.wait(60ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 60ms);
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_TRUE(event.wait());
  EXPECT_TRUE(event.wait(0s));
  event.clear();
  event.clear();
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(event.wait(1ms));
  EXPECT_EQ(in_process(+[](Event it) { it.set(); }, event), 0);
  EXPECT_TRUE(event.wait());
}

// CPython's test_repr.
TEST(EventOfProcesses, says_whether_it_is_set) {
  const Event event;
  EXPECT_EQ(to_string(event), "<Event unset>");
  event.set();
  EXPECT_EQ(to_string(event), "<Event set>");
}

void wait_and_count(Event event, SharedNumbers numbers) {
  ++numbers[0];
  require(event.wait());
  ++numbers[1];
}

TEST(EventOfProcesses, set_wakes_all_threads_of_all_processes) {
  const Event event;
  const SharedNumbers numbers(2);
  std::vector<Process> processes;
  for (int i = 0; i < 3; ++i) {
    processes.push_back(started(wait_and_count, event, numbers));
  }
  Bunch threads(3, [&] { wait_and_count(event, numbers); });
  numbers.until_is(6);
  EXPECT_EQ(numbers.get(1), 0);
  event.set();
  threads.join();
  for (Process& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  EXPECT_EQ(numbers.get(1), 6);
}

// Counts the sleeps that begin, and holds up one call of set() just before the kernel's step.
class HeldUpSet {
 public:
  HeldUpSet() {
    sleeps = 0;
    held_up = false;
    let_go = false;
    static const SystemCalls table = [] {
      SystemCalls calls = kernel();
      calls.shared_futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                                   std::int64_t deadline) noexcept {
        ++sleeps;
        return kernel().shared_futex_wait(word, expected, deadline);
      };
      calls.shared_futex_or = [](std::uint32_t* word, std::uint32_t bits) noexcept {
        if (is_slow) {
          held_up = true;
          until([] { return let_go.load(); });
        }
        return kernel().shared_futex_or(word, bits);
      };
      return calls;
    }();
    scope_.emplace(table);
  }

  inline static std::atomic<int> sleeps{0};
  inline static std::atomic<bool> held_up{false};
  inline static std::atomic<bool> let_go{false};
  inline static thread_local bool is_slow = false;

 private:
  std::optional<threading_test::SystemScope> scope_;
};

// A waiter that was asleep when the flag was set is released, though it is clear when it looks.
TEST(EventOfProcesses, a_clear_right_after_a_set_does_not_hold_back_who_waited) {
  const HeldUpSet calls;
  const Event event;
  for (int i = 0; i < 50; ++i) {
    HeldUpSet::sleeps = 0;
    Bunch waiters(4, [&] { EXPECT_TRUE(event.wait()); });
    until([] { return HeldUpSet::sleeps >= 4; });
    event.set();
    event.clear();
    waiters.join();
  }
}

// The slow set() has seen the flag clear long ago; it still releases who waits when it is done.
TEST(EventOfProcesses, a_set_that_was_held_up_releases_who_waits_by_then) {
  const HeldUpSet calls;
  const Event event;
  Bunch setter(1, [&] {
    HeldUpSet::is_slow = true;
    event.set();
  });
  until([] { return HeldUpSet::held_up.load(); });
  event.set();
  event.clear();
  Bunch waiters(4, [&] { EXPECT_TRUE(event.wait()); });
  until([] { return HeldUpSet::sleeps >= 4; });
  HeldUpSet::let_go = true;
  until([&] { return event.is_set(); });
  event.clear();
  setter.join();
  waiters.join();
  EXPECT_FALSE(event.is_set());
}

TEST(EventOfProcesses, makes_no_system_call_when_there_is_nothing_to_do) {
  const HeldUpSet calls;
  HeldUpSet::let_go = true;
  HeldUpSet::is_slow = true;
  const Event event;
  EXPECT_FALSE(event.wait(0s));
  event.set();
  HeldUpSet::held_up = false;
  event.set();
  EXPECT_TRUE(event.wait());
  HeldUpSet::is_slow = false;
  EXPECT_FALSE(HeldUpSet::held_up);
  EXPECT_EQ(HeldUpSet::sleeps, 0);
}

void answer(Event question, Event reply, int times) {
  for (int i = 0; i < times; ++i) {
    question.wait();
    question.clear();
    reply.set();
  }
}

TEST(EventOfProcesses, two_processes_take_turns) {
  constexpr int times = 500;
  const Event question;
  const Event reply;
  Process process = started(answer, question, reply, times);
  for (int i = 0; i < times; ++i) {
    question.set();
    reply.wait();
    reply.clear();
  }
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST(EventOfProcesses, the_death_of_a_waiter_is_nothing_to_the_others) {
  const Event event;
  const SharedNumbers numbers(2);
  Process first = started(wait_and_count, event, numbers);
  Process second = started(wait_and_count, event, numbers);
  numbers.until_is(2);
  kill_and_join(first);
  event.set();
  second.join();
  EXPECT_EQ(second.exitcode(), 0);
}

TEST(EventOfProcesses, what_came_must_be_one) {
  EXPECT_THROW(pickle::loads_parcel<Event>(pickle::dumps_parcel(Semaphore())), PickleError);
  EXPECT_NE(error_of_loading<Event>(SharedMemory(4096)), "");
  EXPECT_NE(error_of_loading<Event>(SharedMemory(11)), "");
}

}  // namespace
}  // namespace coeval::multiprocessing
