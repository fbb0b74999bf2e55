// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A SIGKILL at every instruction of a process pool's worker: one task is lost at the most, and what
// was told of is right.

#include "internals/stepped_worker.hpp"
#include "support/kill_points.hpp"

#include <coeval/executors/detail/process_tasks.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/submit.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

namespace coeval::testing {
namespace {

// How many instructions of each kind of work to step through; COEVAL_KILL_POINTS sets another number.
std::size_t wanted_points() {
  const char* const given = std::getenv("COEVAL_KILL_POINTS");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? 150'000 : std::strtoull(given, nullptr, 10);
}

int twice(int n) {
  return 2 * n;
}
int twice_or_error(int n) {
  if (n % 3 == 1) {
    throw std::runtime_error(std::to_string(n));
  }
  return 2 * n;
}
int length(const std::string& text) {
  return static_cast<int>(text.size());
}

bool is_twice(std::size_t number, const Future<int>& done) {
  return done.result() == 2 * static_cast<int>(number);
}
bool is_twice_or_error(std::size_t number, const Future<int>& done) {
  try {
    return is_twice(number, done) && number % 3 != 1;
  } catch (const std::runtime_error& error) {
    return error.what() == std::to_string(number) && number % 3 == 1;
  }
}

void step(const Hand& hand) {
  if (!can_single_step()) {
    GTEST_SKIP() << "single steps need x86-64 and no sanitizer";
  }
  const Steps steps = step_worker(hand, wanted_points());
  EXPECT_GT(steps.states, 20U);
  std::cout << "kill points of " << hand.name << ": " << steps.points << ", in " << steps.states
            << " states of the memory; " << (::testing::Test::HasFailure() ? "see above" : "0")
            << " wedged, lost, doubled or corrupt\n";
}

template <class F, class Argument>
void submit_each(detail::ExecutorBackend& backend, std::vector<Future<int>>& futures, F f,
                 int count, Argument argument) {
  for (int i = 0; i < count; ++i) {
    futures.push_back(
        detail::submit<detail::ProcessTasks>(backend, nullptr, nullptr, f, argument(i)));
  }
}

template <class F>
void submit_in_chunk(detail::ExecutorBackend& backend, std::vector<Future<int>>& futures, F f,
                     int begin, int end) {
  detail::MapInputs inputs(std::views::iota(begin, end));
  detail::submit_chunk(backend, nullptr, f, inputs, static_cast<std::size_t>(end - begin), futures);
}

TEST(ProcessKillPoints, a_stream_of_small_tasks) {
  step({.name = "a worker with small tasks",
        .fill =
            [](detail::ExecutorBackend& backend) {
              std::vector<Future<int>> futures;
              submit_each(backend, futures, twice, 60, [](int i) { return i; });
              return futures;
            },
        .is_right = is_twice});
}

TEST(ProcessKillPoints, tasks_that_raise) {
  step({.name = "a worker with tasks that raise",
        .fill =
            [](detail::ExecutorBackend& backend) {
              std::vector<Future<int>> futures;
              submit_each(backend, futures, twice_or_error, 5, [](int i) { return i; });
              return futures;
            },
        .is_right = is_twice_or_error});
}

TEST(ProcessKillPoints, tasks_of_which_some_were_taken_back) {
  step({.name = "a worker that passes by what was taken back",
        .fill =
            [](detail::ExecutorBackend& backend) {
              std::vector<Future<int>> futures;
              submit_each(backend, futures, length, 40,
                          [](int i) { return std::string(2 * static_cast<std::size_t>(i), 'x'); });
              return futures;
            },
        .is_right = is_twice,
        .taken_back = {0, 1, 7, 20, 21, 39}});
}

TEST(ProcessKillPoints, chunks) {
  step({.name = "a worker with chunks",
        .fill =
            [](detail::ExecutorBackend& backend) {
              std::vector<Future<int>> futures;
              submit_in_chunk(backend, futures, twice_or_error, 0, 6);
              submit_each(backend, futures, length, 1, [](int) { return std::string(12, 'x'); });
              submit_in_chunk(backend, futures, twice_or_error, 7, 9);
              return futures;
            },
        .is_right =
            [](std::size_t number, const Future<int>& done) {
              return number == 6 ? is_twice(number, done) : is_twice_or_error(number, done);
            }});
}

}  // namespace
}  // namespace coeval::testing
