// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Processes that hold, wait and wake are killed at any moment; the others go on, and what they rely
// on holds.

#include "multiprocessing/helpers.hpp"
#include "support/watchdog.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/barrier.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/multiprocessing/semaphore.hpp>
#include <coeval/threading/lock.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::kill_and_join;
using multiprocessing_test::require;
using multiprocessing_test::SharedNumbers;
using multiprocessing_test::started;
using multiprocessing_test::until;

// Of all tests here together; COEVAL_KILLS sets another number.
int wanted_kills() {
  const char* const given = std::getenv("COEVAL_KILLS");
  return given == nullptr ? 1000 : std::atoi(given);
}

// Processes by the dozen, of which one at a time is killed and replaced.
class Victims {
 public:
  Victims(int count, std::function<Process(long)> start) : start_(std::move(start)) {
    for (long i = 0; i < count; ++i) {
      processes_.push_back(start_(i));
    }
  }
  Victims(const Victims&) = delete;
  Victims& operator=(const Victims&) = delete;
  ~Victims() { end(); }

  std::size_t any() { return random_() % processes_.size(); }
  unsigned random() { return static_cast<unsigned>(random_()); }
  const Process& operator[](std::size_t i) const { return processes_[i]; }

  void kill_and_replace(std::size_t i) {
    kill_and_join(processes_[i]);
    processes_[i] = start_(static_cast<long>(i));
    support::feed_watchdogs();
  }
  // Lets the others get on by some steps of a counter; that they do is the point of it all.
  void kill_often(
      int kills, const std::function<long()>& progress, const std::function<void()>& tend = [] {}) {
    for (int i = 0; i < kills; ++i) {
      const long goal = progress() + static_cast<long>(random_() % 60);
      until([&] {
        tend();
        return progress() >= goal;
      });
      kill_and_replace(any());
    }
  }
  void end() {
    std::ranges::for_each(processes_, kill_and_join);
    processes_.clear();
  }

 private:
  std::function<Process(long)> start_;
  std::vector<Process> processes_;
  std::mt19937 random_{20'251'125};
};

void linger() {
  for (volatile int i = 0; i < 300;) {
    i = i + 1;
  }
}

// Of the numbers: two that are equal whenever the lock is free, unless its holder died; how often
// they were mended, and how often they were found wrong.
constexpr std::size_t first = 0;
constexpr std::size_t second = 1;
constexpr std::size_t mended = 2;
constexpr std::size_t wrong = 3;

template <class L>
void update_for_ever(L lock, SharedNumbers numbers) {
  while (true) {
    lock.acquire_or_repair([&] {
      ++numbers[mended];
      numbers.set(first, std::max(numbers.get(first), numbers.get(second)));
      linger();
      numbers.set(second, numbers.get(first));
    });
    if (numbers.get(first) != numbers.get(second)) {
      ++numbers[wrong];
    }
    numbers.add_unprotected(first);
    linger();
    numbers.add_unprotected(second);
    lock.release();
  }
}

template <class L>
class LocksSoak : public testing::Test {};
using Locks = testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(LocksSoak, Locks);

TYPED_TEST(LocksSoak, what_is_protected_is_whole_or_its_holder_s_death_is_told) {
  const TypeParam lock;
  const SharedNumbers numbers(4);
  const int kills = wanted_kills() / 5;
  Victims victims(4, [&](long) { return started(update_for_ever<TypeParam>, lock, numbers); });
  victims.kill_often(kills, [&] { return numbers.get(first); });
  victims.end();
  EXPECT_EQ(numbers.get(wrong), 0);
  EXPECT_LE(numbers.get(mended), 2 * kills);
  lock.acquire_or_repair([] {});
  lock.release();
  std::cout << "holders and waiters of a lock killed: " << kills
            << ", hangs: 0, updates: " << numbers.get(first) << ", mended: " << numbers.get(mended)
            << ", damaged and untold: " << numbers.get(wrong) << '\n';
}

// Of a buffer with one place: who puts into a full one or takes from an empty one is wrong.
constexpr std::size_t items = 0;
constexpr std::size_t taken = 1;

struct Buffer {
  Lock lock;
  Condition not_empty{lock};
  Condition not_full{lock};
  SharedNumbers numbers{4};

  template <class Archive>
  void serialize(Archive& archive) {
    archive(lock, not_empty, not_full, numbers);
  }

  void wake_all() const {
    not_empty.notify_all();
    not_full.notify_all();
  }
  // Changes the number of items from one value to another, and wakes one of those who wait for it.
  void change(const Condition& mine, const Condition& others, long from, long to) const {
    lock.acquire_or_repair([&] {
      ++numbers[mended];
      wake_all();
    });
    while (numbers.get(items) != from) {
      try {
        mine.wait();
      } catch (const OwnerDied&) {
        ++numbers[mended];
        wake_all();
      }
    }
    numbers.set(items, to);
    linger();
    others.notify();
    lock.release();
  }
};

void put_for_ever(Lock lock, Condition not_empty, Condition not_full, SharedNumbers numbers) {
  const Buffer buffer{lock, not_empty, not_full, numbers};
  while (true) {
    buffer.change(buffer.not_full, buffer.not_empty, 0, 1);
  }
}
void take_for_ever(Lock lock, Condition not_empty, Condition not_full, SharedNumbers numbers) {
  const Buffer buffer{lock, not_empty, not_full, numbers};
  while (true) {
    buffer.change(buffer.not_empty, buffer.not_full, 1, 0);
    ++numbers[taken];
  }
}

TEST(ConditionSoak, no_notify_is_lost_with_a_waiter_or_a_notifier) {
  const Buffer buffer;
  const int kills = wanted_kills() / 5;
  Victims victims(6, [&](long i) {
    return started(i % 2 == 0 ? put_for_ever : take_for_ever, buffer.lock, buffer.not_empty,
                   buffer.not_full, buffer.numbers);
  });
  victims.kill_often(kills, [&] { return buffer.numbers.get(taken); });
  victims.end();
  std::cout << "waiters and notifiers killed: " << kills
            << ", hangs: 0, values handed on: " << buffer.numbers.get(taken)
            << ", deaths told: " << buffer.numbers.get(mended) << '\n';
}

// Of the numbers: how often it was entered, found too full, and a death told; and a bit for each
// process that is inside and not stopped for good.
constexpr std::size_t entered = 0;
constexpr std::size_t too_full = 1;
constexpr std::size_t told = 2;
constexpr std::size_t inside = 3;
constexpr long rooms = 2;
constexpr long guests = 5;

void enter_for_ever(Semaphore semaphore, SharedNumbers numbers, long self) {
  const long mine = 1L << self;
  while (true) {
    try {
      semaphore.acquire();
    } catch (const OwnerDied&) {
      ++numbers[told];
      continue;
    }
    const auto all = static_cast<unsigned long>(numbers[inside].fetch_or(mine) | mine);
    numbers[too_full] += std::popcount(all) > rooms ? 1 : 0;
    ++numbers[entered];
    linger();
    numbers[inside].fetch_and(~mine);
    semaphore.release();
  }
}

// Comes before each kill, the last ones too: nobody may come in the place of one that still counts as
// inside.
void stop_for_good(const Process& process, const SharedNumbers& numbers, std::size_t self) {
  const pid_t pid = process.pid().value();
  ::kill(pid, SIGSTOP);
  until([pid] { return multiprocessing_test::state_of_process(pid) == 'T'; });
  numbers[inside].fetch_and(~(1L << self));
}

TEST(SemaphoreSoak, no_permit_is_lost_or_doubled) {
  const Semaphore semaphore(rooms);
  const SharedNumbers numbers(4);
  const int kills = wanted_kills() / 5;
  Victims victims(guests, [&](long i) { return started(enter_for_ever, semaphore, numbers, i); });
  for (int kill = 0; kill < kills; ++kill) {
    numbers.until_is(numbers.get(entered) + static_cast<long>(victims.random() % 60), entered);
    const std::size_t victim = victims.any();
    stop_for_good(victims[victim], numbers, victim);
    victims.kill_and_replace(victim);
  }
  for (std::size_t i = 0; i < guests; ++i) {
    stop_for_good(victims[i], numbers, i);
  }
  victims.end();
  long back = 0;
  for (bool more = true; more;) {
    try {
      more = semaphore.acquire(60ms);
      back += more ? 1 : 0;
    } catch (const OwnerDied&) {
      ++numbers[told];
    }
  }
  EXPECT_EQ(back, rooms);
  EXPECT_EQ(numbers.get(too_full), 0);
  EXPECT_LE(numbers.get(told), kills + guests);
  std::cout << "users of a semaphore killed: " << kills
            << ", hangs: 0, entered: " << numbers.get(entered)
            << ", deaths told: " << numbers.get(told)
            << ", permits lost or doubled: " << (back - rooms)
            << ", too many inside: " << numbers.get(too_full) << '\n';
}

// Waits for one event and the other in turn.
void wait_in_turn(Event even, Event odd, SharedNumbers acknowledged) {
  while (true) {
    require(even.wait());
    ++acknowledged[0];
    require(odd.wait());
    ++acknowledged[0];
  }
}
void set_soon(Event event, SharedNumbers numbers, int spins) {
  ++numbers[1];
  for (; spins > 0; --spins) {
    linger();
  }
  event.set();
  Event().wait();
}

TEST(EventSoak, a_killed_set_wakes_all_or_has_not_happened) {
  constexpr long count = 3;
  const std::array<Event, 2> events;
  const SharedNumbers numbers(2);
  const int kills = wanted_kills() / 5;
  Victims waiters(count,
                  [&](long) { return started(wait_in_turn, events[0], events[1], numbers); });
  int happened = 0;
  for (int kill = 0; kill < kills; ++kill) {
    const Event& event = events[static_cast<std::size_t>(kill % 2)];
    Process setter = started(set_soon, event, numbers, static_cast<int>(waiters.random() % 6000));
    numbers.until_is(kill + 1, 1);
    for (unsigned spins = waiters.random() % 300; spins > 0; --spins) {
      linger();
    }
    kill_and_join(setter);
    support::feed_watchdogs();
    happened += event.is_set() ? 1 : 0;
    if (!event.is_set()) {
      event.set();
    }
    numbers.until_is(count * (kill + 1));
    event.clear();
  }
  EXPECT_EQ(numbers.get(), count * kills);
  std::cout << "setters of an event killed: " << kills << ", hangs: 0, after the set: " << happened
            << ", waiters woken: " << numbers.get() << '\n';
}

// Of the numbers: how often each place was given, and how often it was found broken.
constexpr long parties = 3;
constexpr std::size_t found_broken = parties;

void meet_for_ever(Barrier barrier, SharedNumbers numbers) {
  while (true) {
    try {
      ++numbers[static_cast<std::size_t>(barrier.wait())];
    } catch (const BrokenBarrierError&) {
      ++numbers[found_broken];
      until([&] { return !barrier.broken(); });
    }
  }
}

// Each place is given once in a round that passes; a death hides at most one of them.
TEST(BarrierSoak, it_passes_or_breaks_for_all) {
  const Barrier barrier(parties);
  const SharedNumbers numbers(parties + 1);
  const int kills = wanted_kills() / 5;
  Victims victims(parties, [&](long) { return started(meet_for_ever, barrier, numbers); });
  victims.kill_often(
      kills, [&] { return numbers.get(0); },
      [&] {
        if (barrier.broken()) {
          barrier.reset();
        }
      });
  victims.end();
  for (const std::size_t place : {1U, 2U}) {
    EXPECT_LE(std::abs(numbers.get(place) - numbers.get(0)), kills + parties);
  }
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  std::cout << "parties of a barrier killed: " << kills << ", hangs: 0, rounds: " << numbers.get(0)
            << ", found broken: " << numbers.get(found_broken) << '\n';
}

// A process that is stopped and does not hold the lock holds up nobody. It cannot hold it: the test
// does, while it stops it.
TEST(StoppedSoak, who_is_stopped_and_holds_nothing_holds_up_nobody) {
  const RLock lock;
  const SharedNumbers numbers(4);
  Victims victims(4, [&](long) { return started(update_for_ever<RLock>, lock, numbers); });
  for (int i = 0; i < 100; ++i) {
    const pid_t pid = victims[victims.any()].pid().value();
    lock.acquire();
    ::kill(pid, SIGSTOP);
    until([&] { return multiprocessing_test::state_of_process(pid) == 'T'; });
    lock.release();
    numbers.until_is(numbers.get(first) + 20);
    ::kill(pid, SIGCONT);
  }
  EXPECT_EQ(numbers.get(wrong), 0);
}

}  // namespace
}  // namespace coeval::multiprocessing
