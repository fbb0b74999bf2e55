// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/barrier.hpp>

#include "multiprocessing/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
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
using multiprocessing_test::until;

// Of SharedNumbers: those that came, those that passed, and those that found the barrier broken.
constexpr std::size_t came = 0;
constexpr std::size_t passed = 1;
constexpr std::size_t refused = 2;
constexpr std::size_t sum = 3;

void wait_often(Barrier barrier, SharedNumbers numbers, int times) {
  for (int i = 0; i < times; ++i) {
    ++numbers[came];
    try {
      numbers[sum] += barrier.wait();
      ++numbers[passed];
    } catch (const BrokenBarrierError&) {
      ++numbers[refused];
      return;
    }
  }
}

void until_waiting(const Barrier& barrier, int count) {
  until([&] { return barrier.n_waiting() == count; });
  EXPECT_FALSE(barrier.broken());  // who has come has let go of what it looks at
}

class BarrierWithParties : public testing::Test {
 protected:
  ~BarrierWithParties() override { std::ranges::for_each(processes, kill_and_join); }

  void start(const Barrier& barrier, int count, int times = 1) {
    for (int i = 0; i < count; ++i) {
      processes.push_back(started(wait_often, barrier, numbers, times));
    }
  }
  void join() {
    for (Process& process : processes) {
      process.join();
      EXPECT_EQ(process.exitcode(), 0);
    }
    processes.clear();
  }

  const SharedNumbers numbers{4};
  std::vector<Process> processes;
};

// CPython's test_barrier, test_barrier_10 and test_wait_return: nobody is a round ahead, and each
// place is given once.
TEST_F(BarrierWithParties, lets_all_pass_together_again_and_again) {
  constexpr int times = 100;
  const Barrier barrier(4);
  start(barrier, 2, times);
  Bunch thread(1, [&] { wait_often(barrier, numbers, times); });
  for (int i = 0; i < times; ++i) {
    EXPECT_GE(numbers.get(came), 3 * (i - 1));
    const int place = barrier.wait();
    EXPECT_TRUE(place >= 0 && place < 4);
    EXPECT_GE(numbers.get(came), 3 * (i + 1));
    EXPECT_LE(numbers.get(passed), 3 * (i + 1));
    numbers[sum] += place;
  }
  thread.join();
  join();
  EXPECT_EQ(numbers.get(sum), times * (0 + 1 + 2 + 3));
  EXPECT_EQ(barrier.n_waiting(), 0);
}

// In each round no party passes before all have come, and none comes to the next before.
void wait_and_look(Barrier barrier, SharedNumbers numbers, long parties, int times) {
  for (int i = 0; i < times; ++i) {
    ++numbers[came];
    barrier.wait();
    const long all = numbers.get(came);
    require(all >= parties * (i + 1) && all <= parties * (i + 2) - 1);
    ++numbers[passed];
  }
}

// CPython's test_thousand.
TEST_F(BarrierWithParties, a_thousand_rounds) {
  const Barrier barrier(3);
  for (int i = 0; i < 3; ++i) {
    processes.push_back(started(wait_and_look, barrier, numbers, 3L, 1000));
  }
  join();
  EXPECT_EQ(numbers.get(passed), 3000);
  EXPECT_FALSE(barrier.broken());
}

// CPython's test_single_thread.
TEST(BarrierOfProcesses, one_party_passes_alone) {
  int calls = 0;
  const Barrier barrier(1, [&] { ++calls; });
  EXPECT_EQ(barrier.wait(), 0);
  EXPECT_EQ(barrier.wait(0s), 0);
  EXPECT_EQ(calls, 2);
}

// CPython's test_action.
TEST(BarrierOfProcesses, the_action_is_called_once_in_each_round_before_any_goes_on) {
  std::atomic<int> calls{0};
  const Barrier barrier(3, [&] { ++calls; });
  Bunch(3, [&] {
    for (int i = 0; i < 200; ++i) {
      barrier.wait();
      const int now = calls;
      EXPECT_TRUE(now == i + 1 || now == i + 2) << now;
    }
  }).join();
  EXPECT_EQ(calls, 200);
}

TEST(BarrierOfProcesses, an_action_that_raises_breaks_it) {
  const Barrier barrier(2, [] { throw std::out_of_range("no"); });
  std::atomic<int> raised{0};
  std::atomic<int> broken{0};
  Bunch(2, [&] {
    try {
      barrier.wait();
    } catch (const std::out_of_range&) {
      ++raised;
    } catch (const BrokenBarrierError&) {
      ++broken;
    }
  }).join();
  EXPECT_EQ(raised, 1);
  EXPECT_EQ(broken, 1);
  EXPECT_TRUE(barrier.broken());
}

TEST_F(BarrierWithParties, a_pickled_handle_has_no_action) {
  int calls = 0;
  const Barrier barrier(2, [&] { ++calls; });
  start(barrier, 1);
  until_waiting(barrier, 1);
  barrier.wait();
  join();
  EXPECT_EQ(calls, 1);
  start(barrier, 2);
  join();
  EXPECT_EQ(numbers.get(passed), 3);
  EXPECT_EQ(calls, 1);
}

// CPython's test_abort.
TEST_F(BarrierWithParties, abort_breaks_it_for_those_who_wait_and_those_who_come) {
  const Barrier barrier(4);
  start(barrier, 2);
  until_waiting(barrier, 2);
  EXPECT_EQ(to_string(barrier), "<Barrier waiters=2/4>");
  barrier.abort();
  join();
  EXPECT_EQ(numbers.get(refused), 2);
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(to_string(barrier), "<Barrier broken>");
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  start(barrier, 1);
  join();
  EXPECT_EQ(numbers.get(refused), 3);
}

// CPython's test_reset.
TEST_F(BarrierWithParties, reset_sends_away_those_who_wait_and_it_is_as_new) {
  const Barrier barrier(3);
  barrier.reset();
  start(barrier, 2);
  until_waiting(barrier, 2);
  barrier.reset();
  join();
  EXPECT_EQ(numbers.get(refused), 2);
  EXPECT_FALSE(barrier.broken());
  start(barrier, 3);
  join();
  EXPECT_EQ(numbers.get(passed), 3);
}

// CPython's test_abort_and_reset.
TEST_F(BarrierWithParties, reset_mends_a_broken_one) {
  const Barrier barrier(2);
  start(barrier, 1);
  until_waiting(barrier, 1);
  barrier.abort();
  join();
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  start(barrier, 2);
  join();
  EXPECT_EQ(numbers.get(passed), 2);
}

// CPython's test_timeout.
TEST_F(BarrierWithParties, a_timeout_breaks_it_for_all) {
  const Barrier barrier(3);
  start(barrier, 1);
  until_waiting(barrier, 1);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(barrier.wait(60ms), BrokenBarrierError);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 60ms);
  join();
  EXPECT_EQ(numbers.get(refused), 1);
  EXPECT_TRUE(barrier.broken());
}

// CPython's test_default_timeout; it travels with the handle.
TEST_F(BarrierWithParties, has_a_timeout_of_its_own) {
  const Barrier barrier(2, {}, 20ms);
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  start(barrier, 1);
  join();
  EXPECT_EQ(numbers.get(refused), 1);
  EXPECT_TRUE(barrier.broken());
}

// A clock that can be put forward, and a count of the sleeps on shared memory.
class Clock {
 public:
  Clock() { forward = sleeps = 0; }

  inline static std::atomic<std::int64_t> forward{0};
  inline static std::atomic<int> sleeps{0};

 private:
  static const SystemCalls& table() {
    static const SystemCalls table = [] {
      SystemCalls calls = kernel();
      calls.monotonic_ns = []() noexcept { return kernel().monotonic_ns() + forward; };
      calls.shared_futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                                   std::int64_t deadline) noexcept {
        ++sleeps;
        return kernel().shared_futex_wait(word, expected, deadline);
      };
      return calls;
    }();
    return table;
  }

  threading_test::SystemScope scope_{table()};
};

// The action lasts until the deadline of the other one has passed and he has looked.
TEST(BarrierOfProcesses, deadlines_do_not_count_during_the_action) {
  const Clock clock;
  const Barrier barrier(2, [] {
    Clock::forward = 3'600'000'000'000;
    const int before = Clock::sleeps;
    until([before] { return Clock::sleeps > before; });
  });
  Bunch waiter(1, [&] { EXPECT_NO_THROW(barrier.wait(30min)); });
  until_waiting(barrier, 1);
  EXPECT_NO_THROW(barrier.wait());
  waiter.join();
  EXPECT_FALSE(barrier.broken());
}

TEST_F(BarrierWithParties, the_death_of_one_who_waits_breaks_it) {
  const Barrier barrier(3);
  for (const int killed : {0, 1}) {
    start(barrier, 2);
    until_waiting(barrier, 2);
    kill_and_join(processes[static_cast<std::size_t>(killed)]);
    processes[static_cast<std::size_t>(1 - killed)].join();
    EXPECT_TRUE(barrier.broken());
    processes.clear();
    barrier.reset();
  }
  EXPECT_EQ(numbers.get(refused), 2);
  start(barrier, 3);
  join();
  EXPECT_EQ(numbers.get(passed), 3);
}

TEST_F(BarrierWithParties, who_comes_after_a_death_finds_it_broken) {
  const Barrier barrier(3);
  start(barrier, 1);
  until_waiting(barrier, 1);
  kill_and_join(processes[0]);
  const SignalsAllTheTime signals;
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
}

// The action of a forked child's handle is there, and kills it.
TEST(BarrierOfProcesses, a_death_in_the_action_breaks_it_for_those_who_wait_and_come_too_early) {
  const Event acts;
  const Barrier barrier(2, [&] {
    acts.set();
    ::pause();
  });
  const Barrier plain = multiprocessing_test::pickled(barrier);
  std::atomic<int> broken{0};
  Bunch waiters(1, [&] {
    EXPECT_THROW(plain.wait(), BrokenBarrierError);
    ++broken;
  });
  until_waiting(barrier, 1);
  const pid_t child = ::fork();
  if (child == 0) {
    barrier.wait();
    ::_exit(0);
  }
  acts.wait();
  Bunch early(2, [&] {
    EXPECT_THROW(plain.wait(), BrokenBarrierError);
    ++broken;
  });
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  waiters.join();
  early.join();
  EXPECT_EQ(broken, 3);
}

// Stopped in its sleep, while its round passes and many more, some of them broken.
TEST_F(BarrierWithParties, one_who_looks_late_gets_the_outcome_of_its_own_round) {
  const Barrier barrier(2);
  const auto many_rounds = [&] {
    Bunch(2, [&] {
      for (int i = 0; i < 2047; ++i) {
        barrier.wait();
      }
    }).join();
  };
  for (const bool passes : {true, false}) {
    start(barrier, 1);
    until_waiting(barrier, 1);
    multiprocessing_test::stop(processes.back());
    passes ? static_cast<void>(barrier.wait()) : barrier.abort();
    barrier.reset();
    for (int i = 0; i < 100; ++i) {
      EXPECT_THROW(barrier.wait(1us), BrokenBarrierError);
      barrier.reset();
    }
    many_rounds();
    ::kill(processes.back().pid().value(), SIGCONT);
    join();
  }
  EXPECT_EQ(numbers.get(passed), 1);
  EXPECT_EQ(numbers.get(refused), 1);
}

TEST(BarrierOfProcesses, has_1_to_65536_parties) {
  EXPECT_THROW(Barrier(0), ValueError);
  EXPECT_THROW(Barrier(-1), ValueError);
  EXPECT_THROW(Barrier(65'537), ValueError);
  EXPECT_EQ(Barrier(65'536).parties(), 65'536);
}

TEST(BarrierOfProcesses, what_came_must_be_one) {
  EXPECT_THROW(pickle::loads_parcel<Barrier>(pickle::dumps_parcel(Event())), PickleError);
  EXPECT_NE(error_of_loading<Barrier>(SharedMemory(8192)), "");
  EXPECT_NE(error_of_loading<Barrier>(SharedMemory(9)), "");
  for (const std::uint32_t parties : {0U, 4U, 65'537U}) {
    auto archive = pickle::OutputArchive::with_descriptors();
    Barrier(3).save(archive);
    pickle::Parcel parcel = archive.take();
    ASSERT_EQ(::pwrite(parcel.descriptors.at(0).get(), &parties, sizeof parties, 8), 4);
    pickle::InputArchive input(parcel.bytes, parcel.descriptors);
    EXPECT_THROW(Barrier::load(input), PickleError) << parties;
  }
}

}  // namespace
}  // namespace coeval::multiprocessing
