// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A process that shares a Queue changes the numbers of its rings between the check and the use: the
// calls fail or give wrong values, and nothing outside of the queue is read or written.

#include "support/hostile_memory.hpp"
#include "support/sanitizers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/queue.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using coeval::multiprocessing::JoinableQueue;
using support::HostileMemory;

constexpr int rounds = support::under_sanitizer ? 5'000 : 40'000;
constexpr std::array<std::uint32_t, 2> bad{1'000, 0xFFFF'FF00};

// Wrong values and failed calls are what the others may cause.
template <class F>
void call(F function) {
  try {
    function();
  } catch (const coeval::Error&) {
  }
}

// The words that a value which needs the next ring changes from 0 to 1: the number of the ring that
// is written, that of the ring that is read, and counts of messages.
std::vector<std::size_t> ring_numbers(const JoinableQueue<std::string>& queue,
                                      const HostileMemory& memory) {
  const std::vector<std::uint32_t> before = memory.copy();
  queue.put(std::string(300'000, 'x'));
  queue.get();
  const std::vector<std::uint32_t> after = memory.copy();
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (before[i] == 0 && after[i] == 1) {
      found.push_back(i);
    }
  }
  memory.restore(before);
  return found;
}

TEST(QueueNumbers, that_change_after_they_were_checked_cost_the_queue_only) {
  const JoinableQueue<std::string> queue;
  const HostileMemory memory(queue);
  const std::vector<std::uint32_t> first = memory.copy();
  const std::vector<std::size_t> numbers = ring_numbers(queue, memory);
  ASSERT_GE(numbers.size(), 2U);
  for (const std::size_t number : numbers) {
    for (const std::uint32_t other : bad) {
      memory.restore(first);
      const support::Meanwhile flips([&] {
        memory.set(number, other);
        memory.set(number, 0);
        memory.set(number, 0);
        memory.set(number, 0);
      });
      for (int i = 0; i < rounds; ++i) {
        call([&] { queue.put("a value", 1us); });
        call([&] { queue.get(1us); });
        call([&] { queue.task_done(); });
        call([&] { queue.join(0s); });
      }
    }
  }
  memory.restore(first);
  queue.put("mended");
  EXPECT_EQ(queue.get(), "mended");
}

}  // namespace
