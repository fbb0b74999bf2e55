// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/atomic.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

namespace coeval {
namespace {

using namespace std::chrono_literals;

TEST(Atomic, starts_at_zero_or_as_told) {
  const atomic<int> zero;
  const atomic<int> seven(7);
  EXPECT_EQ(zero.load(std::memory_order_relaxed), 0);
  EXPECT_EQ(seven.load(std::memory_order_relaxed), 7);
}

TEST(Atomic, changes_as_the_standard_one_does) {
  atomic<std::uint32_t> number(6);
  EXPECT_EQ(number.fetch_add(2, std::memory_order_relaxed), 6U);
  EXPECT_EQ(number.fetch_sub(1, std::memory_order_relaxed), 8U);
  EXPECT_EQ(number.fetch_or(8, std::memory_order_relaxed), 7U);
  EXPECT_EQ(number.fetch_and(12, std::memory_order_relaxed), 15U);
  EXPECT_EQ(number.exchange(1, std::memory_order_relaxed), 12U);
  std::uint32_t expected = 2;
  EXPECT_FALSE(number.compare_exchange_strong(expected, 3, std::memory_order_relaxed,
                                              std::memory_order_relaxed));
  EXPECT_EQ(expected, 1U);
  EXPECT_TRUE(number.compare_exchange_strong(expected, 3, std::memory_order_relaxed,
                                             std::memory_order_relaxed));
  EXPECT_EQ(number.load(std::memory_order_relaxed), 3U);
}

TEST(Atomic, a_wait_on_another_value_returns_at_once) {
  const atomic<std::uint32_t> word(1);
  EXPECT_TRUE(word.wait(2, never));
}

TEST(Atomic, a_wait_ends_at_its_deadline) {
  const atomic<std::uint32_t> word(1);
  EXPECT_FALSE(word.wait(1, 1ms));
  EXPECT_FALSE(word.wait(1, 0s));
}

template <class T>
void is_woken_by_a_notify() {
  atomic<T> word(0);
  std::thread waiter([&word] {
    while (word.load(std::memory_order_acquire) == 0) {
      word.wait(0, never);
    }
  });
  word.store(1, std::memory_order_release);
  word.notify_all();
  waiter.join();
}

TEST(Atomic, a_wait_on_four_bytes_is_woken) {
  is_woken_by_a_notify<std::uint32_t>();
}

TEST(Atomic, a_wait_on_eight_bytes_is_woken) {
  is_woken_by_a_notify<std::uint64_t>();
}

TEST(Atomic, waits_with_the_low_half_of_eight_bytes_and_its_deadline) {
  static std::uint32_t seen_expected;
  static std::int64_t seen_deadline;
  const support::SystemScope scope([](SystemCalls& table) {
    table.futex_wait = [](const std::uint32_t*, std::uint32_t expected,
                          std::int64_t deadline) noexcept -> int {
      seen_expected = expected;
      seen_deadline = deadline;
      return EINTR;
    };
  });
  const atomic<std::uint64_t> word(0x1234'5678'9abc'def0);
  EXPECT_TRUE(word.wait(0x1234'5678'9abc'def0, never));
  EXPECT_EQ(seen_expected, 0x9abc'def0U);
  EXPECT_EQ(seen_deadline, never_ns);
}

TEST(Atomic, a_notify_wakes_one_or_all) {
  static int woken;
  const support::SystemScope scope([](SystemCalls& table) {
    table.futex_wake = [](const std::uint32_t*, int count) noexcept -> int {
      woken = count;
      return 0;
    };
  });
  const atomic<std::uint32_t> word;
  word.notify_one();
  EXPECT_EQ(woken, 1);
  word.notify_all();
  EXPECT_GT(woken, 1'000'000);
}

}  // namespace
}  // namespace coeval
