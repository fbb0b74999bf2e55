// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/timer.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;

TEST(Timer, calls_its_function_once_and_not_early) {
  int calls = 0;
  std::chrono::steady_clock::time_point when;
  Timer timer(20ms, [&] {
    ++calls;
    when = std::chrono::steady_clock::now();
  });
  const auto start = std::chrono::steady_clock::now();
  timer.start();
  EXPECT_TRUE(timer.join());
  EXPECT_EQ(calls, 1);
  EXPECT_GE(when - start, 20ms);
  EXPECT_FALSE(timer.is_alive());
  EXPECT_FALSE(timer.cancel());  // too late
}

TEST(Timer, each_has_its_own_arguments) {
  std::vector<std::string> seen;
  const auto spy = [&seen](std::string& text) {
    text += "!";  // its own copy
    seen.push_back(text);
  };
  std::string text = "blah";
  const auto call = [&](std::string argument) { spy(argument); };
  Timer one(1ms, call, text);
  one.start();
  one.join();
  Timer two(1ms, call, text);
  text = "foo";
  two.start();
  two.join();
  EXPECT_EQ(seen, (std::vector<std::string>{"blah!", "blah!"}));
}

TEST(Timer, never_calls_after_a_cancel) {
  bool called = false;
  Timer timer(std::chrono::hours(1), [&] { called = true; });
  timer.start();
  EXPECT_TRUE(timer.is_alive());
  EXPECT_TRUE(timer.cancel());
  EXPECT_TRUE(timer.cancel());
  timer.join();
  EXPECT_FALSE(called);
}

TEST(Timer, may_be_cancelled_before_it_is_started) {
  bool called = false;
  Timer timer(0s, [&] { called = true; });
  timer.cancel();
  timer.start();
  timer.join();
  EXPECT_FALSE(called);
}

TEST(Timer, a_cancel_that_races_with_the_call_tells_which_won) {
  for (int i = 0; i < 200; ++i) {
    bool called = false;
    Timer timer(std::chrono::microseconds(i), [&] { called = true; });
    timer.start();
    const bool prevented = timer.cancel();
    timer.join();
    EXPECT_NE(called, prevented);
  }
}

TEST(Timer, its_destructor_cancels_and_joins) {
  bool called = false;
  {
    Timer timer(std::chrono::hours::max(), [&] { called = true; });
    timer.start();
  }
  EXPECT_FALSE(called);
  Event begun;
  bool finished = false;
  {
    Timer timer(0s, [&] {
      begun.set();
      finished = true;
    });
    timer.start();
    begun.wait();
  }
  EXPECT_TRUE(finished);
  const Timer never_started(1s, [] {});
}

TEST(Timer, may_be_destroyed_by_its_own_call) {
  Event ended;
  auto timer = std::make_shared<std::unique_ptr<Timer>>();
  *timer = std::make_unique<Timer>(1ms, [&ended, timer] {
    timer->reset();
    ended.set();
  });
  (*timer)->start();
  ended.wait();
}

TEST(Timer, has_the_rules_of_a_thread) {
  Timer timer({.name = "tick", .daemon = true}, 0s, [] {});
  EXPECT_EQ(timer.name(), "tick");
  EXPECT_TRUE(timer.daemon());
  EXPECT_THROW(timer.join(), coeval::RuntimeError);
  EXPECT_EQ(to_string(timer), "<Timer(tick, initial daemon)>");
  timer.start();
  EXPECT_THROW(timer.start(), coeval::RuntimeError);
  EXPECT_THROW(timer.set_daemon(false), coeval::RuntimeError);
  timer.join();
}

TEST(Timer, an_interval_of_zero_or_less_fires_at_once_and_nan_raises) {
  int calls = 0;
  Timer timer(-5s, [&] { ++calls; });
  timer.start();
  timer.join();
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(Timer(std::chrono::duration<double>(NAN), [] {}), coeval::ValueError);
}

TEST(Timer, what_the_call_raises_goes_to_excepthook) {
  threading_test::CaptureLog log;
  Timer timer({.name = "T"}, 0s, [] { throw std::runtime_error("late"); });
  timer.start();
  timer.join();
  ASSERT_EQ(log.text().size(), 1U);
  EXPECT_NE(log.text()[0].find("'T'"), std::string::npos);
}

}  // namespace
