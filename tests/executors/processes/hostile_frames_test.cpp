// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Workers that keep to the protocol and answer their tasks with nonsense: the task raises PickleError, or
// has a value or an exception of its type, its worker is replaced, and nothing else comes of it. What
// millions of such answers do to the pool's side of a worker: internals/process_hostile_answers_test.cpp.

#include "executors/processes/support.hpp"
#include "support/hostile_samples.hpp"
#include "support/scenario.hpp"
#include "support/watchdog.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;
using namespace support;

// Each nonsense costs a worker.
constexpr long wanted_frames = support::under_sanitizer ? 300 : 2'000;
constexpr std::uint64_t parts = 4;

void turn_hostile(const SharedNumbers& started, std::uint64_t seed, bool flips) {
  const long number = started[0]++;
  support::answer_with_nonsense(samples(), seed + static_cast<std::uint64_t>(number), flips);
}

struct Counts {
  long frames = 0;
  long values = 0;
  long errors = 0;  // PickleError, WorkerDied, and what a frame was an exception of
  long deaths = 0;
};

template <class Kind>
void decode(ProcessPoolExecutor& pool, Kind task, std::uint8_t kind, Counts& counts) {
  using Result = std::invoke_result_t<Kind, std::uint8_t>;
  constexpr int batch = 20;
  std::vector<Future<Result>> futures;
  futures.reserve(batch);
  for (int i = 0; i < batch; ++i) {
    futures.push_back(pool.submit(task, kind));
  }
  for (const Future<Result>& future : futures) {
    ++counts.frames;
    ++(future.exception() == nullptr ? counts.values : counts.errors);
  }
}

// The same in chunks.
template <class Kind>
void decode_map(ProcessPoolExecutor& pool, Kind task, std::uint8_t kind, Counts& counts) {
  const std::vector<std::uint8_t> inputs(20, kind);
  auto results = pool.map(task, inputs);
  for (auto result = results.begin(); result != results.end(); ++result) {
    ++counts.frames;
    try {
      static_cast<void>(*result);
      ++counts.values;
    } catch (...) {
      ++counts.errors;
    }
  }
}

Counts decode_frames(long frames, std::uint64_t seed, bool flips) {
  const SharedNumbers started;
  Counts counts;
  ProcessPoolExecutor pool({.max_workers = 1}, turn_hostile, started, seed, flips);
  while (counts.frames < frames) {
    support::feed_watchdogs();
    decode(pool, kind_0, 0, counts);
    decode(pool, kind_1, 1, counts);
    decode(pool, kind_2, 2, counts);
    decode(pool, kind_3, 3, counts);
    decode(pool, kind_4, 4, counts);
    decode(pool, kind_5, 5, counts);
    decode_map(pool, kind_0, 0, counts);
    decode_map(pool, kind_1, 1, counts);
    decode_map(pool, kind_2, 2, counts);
    decode_map(pool, kind_4, 4, counts);
  }
  counts.deaths = started.get() - 1;
  return counts;
}

void honest() {
  ProcessPoolExecutor pool({.max_workers = 1});
  coeval::testing::require(pool.submit(square, 3).result() == 9, "a result of an honest worker");
}

// Half of the parts have a worker that changes what it has answered.
class ProcessHostileFrames : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ProcessHostileFrames, cost_their_tasks_only) {
  const bool flips = GetParam() % 2 == 1;
  if (under_thread_sanitizer && flips) {
    GTEST_SKIP() << "its worker is a data race on purpose";
  }
  const auto holdings = coeval::testing::holdings_after({{"honest", honest}});
  const auto start = std::chrono::steady_clock::now();
  const Counts counts = decode_frames(wanted_frames, GetParam() << 32, flips);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_GE(counts.frames, wanted_frames);
  EXPECT_GT(counts.values, 0);
  EXPECT_GT(counts.errors, 0);
  EXPECT_GT(counts.deaths, 0);
  coeval::testing::wait_for(holdings);
  EXPECT_EQ(coeval::testing::error_of_run(honest), "");
  std::printf(
      "hostile frames%s: %ld, values: %ld, errors: %ld, workers replaced: %ld, a second: %.0f\n",
      flips ? " that change" : "", counts.frames, counts.values, counts.errors, counts.deaths,
      static_cast<double>(counts.frames) / taken.count());
}

INSTANTIATE_TEST_SUITE_P(Part, ProcessHostileFrames, ::testing::Range(std::uint64_t{0}, parts),
                         [](const auto& part) {
                           return std::to_string(part.param) +
                                  (part.param % 2 == 1 ? "_that_change" : "_that_stay");
                         });

}  // namespace
}  // namespace process_pool_test
