// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/event.hpp>

#include "helpers.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using threading_test::Bunch;
using threading_test::CountFutexCalls;

static_assert(sizeof(Event) == 4);
constinit Event global_event;

TEST(Event, is_clear_at_first_and_is_set_and_cleared) {
  Event event;
  EXPECT_FALSE(event.is_set());
  event.set();
  EXPECT_TRUE(event.is_set());
  event.set();
  EXPECT_TRUE(event.is_set());
  event.clear();
  EXPECT_FALSE(event.is_set());
  event.clear();
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(global_event.is_set());
}

void set_wakes_all(Event& event) {
  CountFutexCalls calls;
  std::atomic<int> woken{0};
  Bunch bunch(5, [&] {
    EXPECT_TRUE(event.wait());
    ++woken;
    EXPECT_TRUE(event.wait());
  });
  calls.until_waits(5);
  EXPECT_EQ(woken, 0);
  event.set();
  bunch.join();
  EXPECT_EQ(woken, 5);
}

TEST(Event, set_wakes_all_also_after_a_clear) {
  Event event;
  set_wakes_all(event);
  event.set();
  event.clear();
  set_wakes_all(event);
}

TEST(Event, wait_returns_false_on_timeout_and_is_not_early) {
  Event event;
  Bunch(5, [&] {
    EXPECT_FALSE(event.wait(0s));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(event.wait(20ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  }).join();
  event.set();
  Bunch(5, [&] {
    EXPECT_TRUE(event.wait(0s));
    EXPECT_TRUE(event.wait(20ms));
  }).join();
}

TEST(Event, a_poll_makes_no_system_call) {
  CountFutexCalls calls;
  Event event;
  EXPECT_FALSE(event.wait(0s));
  EXPECT_FALSE(event.wait(-5s));
  EXPECT_EQ(calls.waits(), 0);
}

TEST(Event, waiters_are_released_even_if_it_is_cleared_before_they_run) {
  for (int i = 0; i < 20; ++i) {
    CountFutexCalls calls;
    Event event;
    std::atomic<int> released{0};
    Bunch bunch(5, [&] { released += event.wait() ? 1 : 0; });
    calls.until_waits(5);
    event.set();
    event.clear();
    bunch.join();
    EXPECT_EQ(released, 5);
    EXPECT_FALSE(event.wait(0s));
  }
}

TEST(Event, set_makes_no_system_call_when_nobody_waits) {
  CountFutexCalls calls;
  Event event;
  for (int i = 0; i < 100; ++i) {
    event.set();
    event.clear();
  }
  EXPECT_EQ(calls.wakes(), 0);
}

TEST(Event, what_happened_before_set_is_visible_after_wait) {
  for (int i = 0; i < 200; ++i) {
    Event event;
    int value = 0;
    Bunch bunch(2, [&] {
      event.wait();
      EXPECT_EQ(value, 42);
    });
    value = 42;
    event.set();
  }
}

TEST(Event, may_be_destroyed_when_wait_has_returned) {
  for (int i = 0; i < 300; ++i) {
    auto event = std::make_unique<Event>();
    Event& shared = *event;
    Thread waiter([event = std::move(event)]() mutable {
      event->wait();
      event.reset();
    });
    waiter.start();
    shared.set();
    waiter.join();
  }
}

TEST(Event, to_string_shows_the_flag) {
  Event event;
  EXPECT_EQ(to_string(event), "<Event unset>");
  event.set();
  EXPECT_EQ(to_string(event), "<Event set>");
}

}  // namespace
