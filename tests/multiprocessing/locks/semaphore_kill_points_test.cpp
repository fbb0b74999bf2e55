// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A SIGKILL at every instruction of the operations of Semaphore and Event.

#include "multiprocessing/helpers.hpp"
#include "multiprocessing/locks/two_copies.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/semaphore.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <optional>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::Bunch;
using multiprocessing_test::step_often;

constexpr std::size_t enough = 12'000;

// How many permits the survivors get in the end; each death gives at most one OwnerDied for each of
// the dead's.
std::ptrdiff_t take_all(const Semaphore& semaphore) {
  std::ptrdiff_t taken = 0;
  int told = 0;
  while (true) {
    try {
      if (!semaphore.acquire(60ms)) {
        return taken;
      }
      ++taken;
    } catch (const OwnerDied&) {
      EXPECT_LE(++told, 3) << "told too often";
    }
  }
}

// Whoever is killed, all permits of the beginning come back, and none is made.
void check_permits(const Semaphore& semaphore, std::ptrdiff_t permits) {
  EXPECT_EQ(take_all(semaphore), permits) << "lost or doubled";
  semaphore.release(permits);
  EXPECT_EQ(semaphore.value(), permits);
  EXPECT_TRUE(semaphore.try_acquire()) << "wedged";
  semaphore.release();
}

TEST(SemaphoreKillPoints, acquire_and_release) {
  step_often<BoundedSemaphore>(BoundedSemaphore(3),
                               {.name = "acquire and release of a permit",
                                .before = [](const BoundedSemaphore&) {},
                                .operation =
                                    [](const BoundedSemaphore& semaphore) {
                                      semaphore.acquire();
                                      semaphore.acquire();
                                      semaphore.release(2);
                                    },
                                .check = [](const auto& it) { check_permits(it, 3); }},
                               enough);
}

TEST(SemaphoreKillPoints, acquire_that_waits_in_vain) {
  step_often<Semaphore>(Semaphore(2),
                        {.name = "acquire that waits in vain",
                         .before = [](const Semaphore& semaphore) { take_all(semaphore); },
                         .operation = [](const Semaphore& it) { EXPECT_FALSE(it.acquire(1us)); },
                         .check = [](const Semaphore& it) { check_permits(it, 2); }},
                        enough);
}

// Permits of the dead: in the first memory those of a process that was killed, too.
TEST(SemaphoreKillPoints, acquire_after_a_death) {
  step_often<Semaphore>(
      Semaphore(2),
      {.name = "acquire after a death",
       .before =
           [](const Semaphore& semaphore) {
             EXPECT_EQ(
                 multiprocessing_test::in_process(
                     +[](Semaphore it) { it.acquire(), it.acquire(), std::_Exit(3); }, semaphore),
                 3);
           },
       .operation =
           [](const Semaphore& semaphore) {
             EXPECT_THROW(semaphore.acquire(1us), OwnerDied);
             EXPECT_TRUE(semaphore.acquire());
           },
       .check = [](const Semaphore& it) { check_permits(it, 2); }},
      enough);
}

// A thread sleeps in acquire(), so it has its turn in the copy, too: that one is polled.
TEST(SemaphoreKillPoints, release_that_wakes) {
  std::optional<Bunch> sleeper;
  step_often<Semaphore>(Semaphore(0),
                        {.name = "release that wakes",
                         .before =
                             [&](const Semaphore& semaphore) {
                               sleeper.emplace(1, [&] { EXPECT_TRUE(semaphore.acquire()); });
                             },
                         .operation = [](const Semaphore& semaphore) { semaphore.release(); },
                         .check =
                             [](const Semaphore& semaphore) {
                               const std::ptrdiff_t value = semaphore.value();
                               EXPECT_TRUE(value == 0 || value == 1) << value;
                               EXPECT_EQ(semaphore.try_acquire(), value == 1);
                               semaphore.release(2);
                               EXPECT_EQ(semaphore.value(), 2);
                             },
                         .after = [&](const Semaphore&) { sleeper.reset(); }},
                        enough);
}

TEST(SemaphoreKillPoints, signals) {
  step_often<Semaphore>(Semaphore(0),
                        {.name = "release and acquire of signals",
                         .before = [](const Semaphore& semaphore) { semaphore.release(2); },
                         .operation =
                             [](const Semaphore& semaphore) {
                               semaphore.acquire();
                               semaphore.release();
                             },
                         .check =
                             [](const Semaphore& semaphore) {
                               const std::ptrdiff_t taken = take_all(semaphore);
                               EXPECT_TRUE(taken == 1 || taken == 2) << taken;
                               semaphore.release(3);
                               EXPECT_EQ(take_all(semaphore), 3);
                             }},
                        enough);
}

void check_event(const Event& event) {
  EXPECT_EQ(event.wait(0s), event.is_set());
  event.set();
  EXPECT_TRUE(event.wait());
  event.clear();
  EXPECT_FALSE(event.wait(1ms));
  event.set();
  EXPECT_TRUE(event.wait());
}

TEST(EventKillPoints, set_clear_and_wait) {
  step_often<Event>(Event(),
                    {.name = "set, clear and wait of an event",
                     .before = [](const Event&) {},
                     .operation =
                         [](const Event& event) {
                           event.set();
                           EXPECT_TRUE(event.wait());
                           event.clear();
                           EXPECT_FALSE(event.wait(1us));
                         },
                     .check = check_event},
                    enough);
}

}  // namespace
}  // namespace coeval::multiprocessing
