// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A SIGKILL at every instruction of the operations of Barrier.

#include "multiprocessing/helpers.hpp"
#include "multiprocessing/locks/two_copies.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/barrier.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>
#include <utility>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using multiprocessing_test::NoSleep;
using multiprocessing_test::started;
using multiprocessing_test::step_often;
using multiprocessing_test::until;

constexpr std::size_t enough = 12'000;

// The copy passes alone, breaks, or is found broken; mended, it lets two pass.
void check_barrier(const Barrier& barrier) {
  try {
    barrier.wait(1s);
  } catch (const BrokenBarrierError&) {
    EXPECT_TRUE(barrier.broken());
  }
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_THROW(barrier.wait(1ms), BrokenBarrierError);
  barrier.reset();
  const NoSleep::Pause pause;
  int places = 0;
  std::thread second([&] { places += barrier.wait(); });
  const int mine = barrier.wait();
  second.join();
  EXPECT_EQ(places + mine, 1);
}

TEST(BarrierKillPoints, wait_alone) {
  step_often<Barrier>(
      Barrier(2),
      {.name = "wait of one party until its deadline",
       .before = [](const Barrier&) {},
       .operation = [](const Barrier& it) { EXPECT_THROW(it.wait(1us), BrokenBarrierError); },
       .check = check_barrier},
      enough);
}

// A process that comes each time it is told to.
void come_when_told(Barrier barrier, Connection connection) {
  try {
    while (true) {
      connection.recv<int>();
      try {
        connection.send(barrier.wait());
      } catch (const BrokenBarrierError&) {
        connection.send(-1);
      }
    }
  } catch (const EOFError&) {
    return;
  }
}

// Steps through an operation while another process waits. outcome is what that one gets.
void step_with_party(const char* name, int outcome,
                     const std::function<void(const Barrier&)>& operation) {
  auto [here, there] = Pipe();
  const Barrier barrier(2);
  Process party = started(come_when_told, barrier, std::move(there));
  step_often<Barrier>(barrier,
                      {.name = name,
                       .before =
                           [&](const Barrier& it) {
                             here.send(0);
                             until([&] { return it.n_waiting() == 1; });
                             EXPECT_FALSE(it.broken());
                           },
                       .operation = operation,
                       .check = check_barrier,
                       .after = [&](const Barrier&) { EXPECT_EQ(here.recv<int>(), outcome); }},
                      enough);
  here.close();
  party.join();
}

TEST(BarrierKillPoints, wait_of_the_last) {
  step_with_party("wait of the last party", 0, [](const Barrier& it) { EXPECT_EQ(it.wait(), 1); });
}
TEST(BarrierKillPoints, abort) {
  step_with_party("abort", -1, [](const Barrier& it) { it.abort(); });
}
TEST(BarrierKillPoints, reset) {
  step_with_party("reset", -1, [](const Barrier& it) { it.reset(); });
}

}  // namespace
}  // namespace coeval::multiprocessing
