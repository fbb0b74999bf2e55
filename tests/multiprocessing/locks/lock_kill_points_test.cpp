// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A SIGKILL at every instruction of the operations of Lock, RLock and Condition: a death is told
// when the lock was held and not when it was free, once, and the lock goes on.

#include "multiprocessing/helpers.hpp"
#include "multiprocessing/locks/two_copies.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/rlock.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::Bunch;
using multiprocessing_test::started;
using multiprocessing_test::step_often;
using multiprocessing_test::until;

constexpr std::size_t enough = 12'000;

// Where the stepped thread is: what must hold for the survivors.
enum class Stage : std::uint8_t {
  free,     // nobody holds the lock, and no death is untold
  unknown,  // inside of an operation
  held,     // held, or a death is untold
};
constinit std::atomic<Stage> stage{Stage::free};

// Takes the lock and gives it back. Whether a death was told; it is told once.
template <class L>
bool take_and_release(const L& lock) {
  bool told = false;
  for (bool taken = false; !taken;) {
    try {
      taken = lock.acquire(0s);
      EXPECT_TRUE(taken) << "wedged";
      if (!taken) {
        return told;
      }
    } catch (const OwnerDied&) {
      EXPECT_FALSE(told) << "told twice";
      told = true;
    }
  }
  lock.release();
  return told;
}

template <class L>
void check(const L& lock) {
  const Stage at = stage;
  const bool told = take_and_release(lock);
  EXPECT_FALSE(at == Stage::held && !told) << "a death was not told";
  EXPECT_FALSE(at == Stage::free && told) << "nobody held the lock";
  EXPECT_FALSE(take_and_release(lock));
}

template <class L>
class LockKillPoints : public ::testing::Test {
 protected:
  static void begin(const L&) { stage = Stage::free; }
  static void begin_after_a_death(const L& lock) {
    std::thread([&] { lock.acquire(); }).join();
    stage = Stage::held;
  }
};
using Locks = ::testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(LockKillPoints, Locks);

TYPED_TEST(LockKillPoints, acquire_and_release) {
  step_often<TypeParam>(TypeParam(),
                        {.name = "acquire and release",
                         .before = this->begin,
                         .operation =
                             [](const TypeParam& lock) {
                               stage = Stage::unknown;
                               lock.acquire();
                               stage = Stage::held;
                               EXPECT_TRUE(lock.locked());
                               stage = Stage::unknown;
                               lock.release();
                               stage = Stage::free;
                             },
                         .check = check<TypeParam>},
                        enough);
}

TYPED_TEST(LockKillPoints, acquire_after_a_death) {
  step_often<TypeParam>(TypeParam(),
                        {.name = "acquire after a death",
                         .before = this->begin_after_a_death,
                         .operation =
                             [](const TypeParam& lock) {
                               try {
                                 stage = Stage::unknown;
                                 lock.acquire();
                                 ADD_FAILURE() << "nothing was told";
                               } catch (const OwnerDied&) {
                                 stage = Stage::free;
                               }
                             },
                         .check = check<TypeParam>},
                        enough);
}

// Not only a death in the repair itself: all of it until the release.
TYPED_TEST(LockKillPoints, acquire_or_repair_after_a_death) {
  step_often<TypeParam>(TypeParam(),
                        {.name = "acquire_or_repair after a death",
                         .before = this->begin_after_a_death,
                         .operation =
                             [](const TypeParam& lock) {
                               lock.acquire_or_repair([] {});
                               stage = Stage::unknown;
                               lock.release();
                               stage = Stage::free;
                             },
                         .check = check<TypeParam>},
                        enough);
}

TYPED_TEST(LockKillPoints, a_repair_that_raises) {
  step_often<TypeParam>(
      TypeParam(),
      {.name = "a repair that raises",
       .before = this->begin_after_a_death,
       .operation =
           [](const TypeParam& lock) {
             try {
               lock.acquire_or_repair([] { throw std::runtime_error("no"); });
             } catch (const std::runtime_error&) {
             }
           },
       .check = check<TypeParam>,
       .after = [](const TypeParam& lock) { EXPECT_THROW(lock.acquire(), OwnerDied); }},
      enough);
}

TEST(RLockKillPoints, two_levels) {
  step_often<RLock>(RLock(),
                    {.name = "two levels of an RLock",
                     .before = [](const RLock&) { stage = Stage::free; },
                     .operation =
                         [](const RLock& lock) {
                           stage = Stage::unknown;
                           lock.acquire();
                           stage = Stage::held;
                           lock.acquire();
                           lock.release();
                           stage = Stage::unknown;
                           lock.release();
                           stage = Stage::free;
                         },
                     .check = check<RLock>},
                    enough);
}

// A process that waits once each time it is told to.
void wait_when_told(Condition condition, Connection connection) {
  try {
    while (true) {
      connection.recv<int>();
      condition.acquire();
      connection.send(0);
      condition.wait();
      condition.release();
      connection.send(0);
    }
  } catch (const EOFError&) {
    return;
  }
}

// The stepped thread waits for a notify, and nobody else does.
bool waits_alone = false;

std::size_t count_waiting(const Condition& condition) {
  const std::string text = to_string(condition);
  return std::stoul(text.substr(text.rfind(", ") + 2));
}

// Another one may have the lock of the copy; it would give it back. Otherwise the table is whole: of
// the places in it, those of the dead take no notify and go, and what reached the dead is passed on.
void check_condition(const Condition& condition) {
  bool told = false;
  try {
    if (!condition.acquire(0s)) {
      return;
    }
  } catch (const OwnerDied&) {
    told = true;
    EXPECT_TRUE(condition.acquire(0s)) << "wedged";
  }
  const bool waits = count_waiting(condition) != 0;  // the dead one, which nobody had notified
  const bool passed_on = condition.wait(60ms);
  EXPECT_FALSE(passed_on && stage != Stage::unknown) << "woken by nobody";
  EXPECT_TRUE(passed_on || told || waits || !waits_alone || stage != Stage::unknown)
      << "a notify was lost";
  condition.notify(1);
  EXPECT_LE(count_waiting(condition), 1U) << "a dead waiter took the notify of a living one";
  condition.notify_all();
  EXPECT_EQ(count_waiting(condition), 0U);
  EXPECT_FALSE(condition.wait(1ms));
  condition.release();
  EXPECT_FALSE(take_and_release(condition));
}

// Steps through an operation with the lock held while a process waits.
void step_with_waiter(const char* name, const std::function<void(const Condition&)>& operation) {
  auto [here, there] = Pipe();
  const Condition condition;
  Process waiter = started(wait_when_told, condition, std::move(there));
  step_often<Condition>(condition,
                        {.name = name,
                         .before =
                             [&](const Condition& it) {
                               here.send(0);
                               here.recv<int>();
                               waits_alone = false;
                               stage = Stage::held;
                               const threading::Guard guard(it);
                               EXPECT_EQ(count_waiting(it), 1U);
                             },
                         .operation =
                             [&](const Condition& it) {
                               it.acquire();
                               operation(it);
                               it.release();
                             },
                         .check = check_condition,
                         .after =
                             [&](const Condition& it) {
                               {
                                 const threading::Guard guard(it);
                                 it.notify_all();
                               }
                               here.recv<int>();
                             }},
                        enough);
  here.close();
  waiter.kill();
  waiter.join();
}

TEST(ConditionKillPoints, wait_that_ends_at_its_deadline) {
  step_with_waiter("wait until the deadline",
                   [](const Condition& it) { EXPECT_FALSE(it.wait(1us)); });
}

TEST(ConditionKillPoints, notify) {
  step_with_waiter("notify", [](const Condition& it) { it.notify(); });
}

TEST(ConditionKillPoints, notify_all) {
  step_with_waiter("notify_all", [](const Condition& it) { it.notify_all(); });
}

// The first who waits has a notify coming.
TEST(ConditionKillPoints, wait_that_is_notified) {
  const Condition condition;
  std::optional<Bunch> notifier;
  step_often<Condition>(condition,
                        {.name = "wait until a notify",
                         .before =
                             [&](const Condition& it) {
                               waits_alone = true;
                               notifier.emplace(1, [&it] {
                                 for (bool found = false; !found; std::this_thread::yield()) {
                                   const threading::Guard guard(it);
                                   found = count_waiting(it) == 1;
                                   it.notify();
                                 }
                               });
                             },
                         .operation =
                             [](const Condition& it) {
                               it.acquire();
                               stage = Stage::unknown;
                               EXPECT_TRUE(it.wait());
                               stage = Stage::held;
                               it.release();
                             },
                         .check = check_condition,
                         .after = [&](const Condition&) { notifier.reset(); }},
                        enough);
}

}  // namespace
}  // namespace coeval::multiprocessing
