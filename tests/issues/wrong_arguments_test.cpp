// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A task runs with its own arguments, whatever the tasks around it take of the room that a worker has
// for arguments: nothing, little, or a memory file of their own.

#include "support/sanitizers.hpp"

#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/futures.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;

// So long that a worker has some tasks in hand, of which the last ones wait while the first are done.
void take_a_while() {
  std::this_thread::sleep_for(std::chrono::microseconds(100));
}

// The kinds of tasks; each returns what it was given, so that a result tells whose it is.
constexpr auto no_arguments = [] {  // not even a function that must be told
  take_a_while();
  return std::string("none");
};
std::string number(int n) {
  take_a_while();
  return std::to_string(n);
}
std::string text(const std::string& value, int n) {
  take_a_while();
  return std::to_string(n) + value;
}
std::string viewed_text(std::string_view value, int n) {
  take_a_while();
  return std::to_string(n) + std::string(value);
}
// The numbers of a view that are not n, and n.
std::string numbers(std::span<const std::int32_t> values, int n) {
  take_a_while();
  std::size_t others = 0;
  for (const std::int32_t value : values) {
    others += value == n ? 0 : 1;
  }
  return std::to_string(others) + " others in " + std::to_string(values.size()) + " of " +
         std::to_string(n);
}

struct Submitted {
  Future<std::string> future;
  std::string expected;
};

// A task of a random kind, whose arguments are n and made of n.
Submitted submit(ProcessPoolExecutor& pool, std::mt19937_64& random, int n) {
  const std::string letters(random() % 3'000, static_cast<char>('a' + n % 26));
  switch (random() % 7) {
    case 0:
    case 1:
      return {pool.submit(no_arguments), "none"};
    case 2:
      return {pool.submit(number, n), std::to_string(n)};
    case 3:
      return {pool.submit(text, letters, n), std::to_string(n) + letters};
    case 4:
      return {pool.submit(viewed_text, letters, n), std::to_string(n) + letters};
    case 5: {
      const std::size_t count = random() % 7'000;  // to 28 KB: in the worker's room
      return {pool.submit(numbers, std::vector<std::int32_t>(count, n), n),
              "0 others in " + std::to_string(count) + " of " + std::to_string(n)};
    }
    default: {
      const std::size_t count = 20'000 + random() % 20'000;  // in a memory file
      return {pool.submit(numbers, std::vector<std::int32_t>(count, n), n),
              "0 others in " + std::to_string(count) + " of " + std::to_string(n)};
    }
  }
}

void run_mixed_tasks(std::size_t workers, std::uint64_t seed, int rounds) {
  ProcessPoolExecutor pool({.max_workers = workers});
  std::mt19937_64 random(seed);
  int n = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Submitted> all;
    for (int i = 0; i < 40; ++i) {
      all.push_back(submit(pool, random, ++n));
      if (random() % 5 == 0) {
        all[random() % all.size()].future.wait();
      }
    }
    for (const Submitted& one : all) {
      ASSERT_EQ(one.future.result(), one.expected) << "seed " << seed << ", round " << round;
    }
  }
}

constexpr int rounds = support::under_sanitizer ? 20 : 100;

TEST(WrongArguments, mixed_tasks_of_one_worker_run_with_their_own_arguments) {
  run_mixed_tasks(1, 20261, rounds);
}

TEST(WrongArguments, mixed_tasks_of_two_workers_run_with_their_own_arguments) {
  run_mixed_tasks(2, 20262, rounds);
}

// Short enough for a worker to have several in hand.
void work_for(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}
int short_number(int n) {
  work_for(std::chrono::microseconds(40));
  return n;
}

// Nothing is large here: a task without arguments takes no room either. What the first number took is
// free while those behind it are in hand; the second one takes that, and the third one must not.
TEST(WrongArguments, small_tasks_among_those_without_arguments_run_with_their_own) {
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int n = 0; n < 10 * rounds; n += 3) {
    const Future<int> first = pool.submit(short_number, n);
    std::vector<Future<int>> between;
    for (int i = 0; i < 4; ++i) {
      between.push_back(pool.submit([] { return short_number(0); }));
    }
    first.wait();
    const Future<int> second = pool.submit(short_number, n + 1);
    between.front().wait();
    const Future<int> third = pool.submit(short_number, n + 2);
    ASSERT_EQ(first.result(), n);
    ASSERT_EQ(second.result(), n + 1);
    ASSERT_EQ(third.result(), n + 2);
  }
}

}  // namespace
