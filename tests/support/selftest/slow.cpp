// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

// Takes longer than its limit, in steps that are much shorter.
TEST(Slow, with_steps) {
  const auto limit = support::test_time_limit();
  for (const auto begin = Clock::now(); Clock::now() - begin < 2 * limit;) {
    std::this_thread::sleep_for(limit / 50);
    support::feed_watchdogs();
  }
}

TEST(Slow, and_then_hangs) {
  support::feed_watchdogs();
  while (true) {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

// After the tests: when main() has returned.
struct HangsAtTheEnd {
  ~HangsAtTheEnd() {
    while (hangs) {
      std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  bool hangs = false;
} at_the_end;  // NOLINT

TEST(Slow, program) {
  at_the_end.hangs = true;
}

}  // namespace
