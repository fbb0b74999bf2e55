// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// From when the timeout of a loop counts, on a clock that the tests move: a timeout that began again
// with each read would wait for a time that never comes.

#include <coeval/core/errors.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/threading/event.hpp>

#include "support/fake_clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;
using support::FakeClock;

TEST(TimeoutOfALoop, of_a_map_counts_from_the_call) {
  const FakeClock clock;
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 1});
  auto results = pool.map(
      {.buffersize = 3, .timeout = 10s},
      [&gate](int n) {
        if (n == 2) {
          gate.wait();
        }
        return n;
      },
      std::vector{0, 1, 2});
  auto it = results.begin();
  FakeClock::advance(4s);
  EXPECT_EQ(*it, 0);
  FakeClock::advance(4s);
  ++it;
  EXPECT_EQ(*it, 1);
  FakeClock::advance(2s);
  ++it;
  EXPECT_THROW(*it, TimeoutError);
  gate.set();
}

TEST(TimeoutOfALoop, of_as_completed_counts_from_the_call) {
  const FakeClock clock;
  std::vector<Promise<int>> promises(3);
  promises[0].set_result(0);
  auto completed = as_completed(
      std::vector{promises[0].future(), promises[1].future(), promises[2].future()}, 10s);
  FakeClock::advance(4s);
  auto it = completed.begin();
  EXPECT_EQ((*it).result(), 0);
  FakeClock::advance(4s);
  promises[1].set_result(1);
  ++it;
  EXPECT_EQ((*it).result(), 1);
  FakeClock::advance(2s);
  try {
    ++it;
    FAIL() << "nothing was raised";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "1 (of 3) futures unfinished");
  }
}

}  // namespace
}  // namespace coeval
