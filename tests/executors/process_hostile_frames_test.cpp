// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A worker that keeps to the protocol and answers each task with nonsense: the task raises
// PickleError, or has a value or an exception of its type, and nothing else comes of it.

#include "executors/process_support.hpp"
#include "support/hostile_worker.hpp"
#include "support/scenario.hpp"

#include <coeval/pickle/pickle.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::FileDescriptor;
using coeval::Future;
using coeval::ProcessPoolExecutor;
using support::HostileSamples;

// Most where the memory is watched.
constexpr long default_frames = support::under_address_sanitizer ? 10'000'000
                                : under_thread_sanitizer         ? 1'000'000
                                                                 : 4'000'000;
constexpr std::uint64_t parts = 4;

// Of each part; COEVAL_HOSTILE_FRAMES sets another number for all together.
long wanted_frames() {
  const char* const given = std::getenv("COEVAL_HOSTILE_FRAMES");  // NOLINT(concurrency-mt-unsafe)
  return (given == nullptr ? default_frames : std::atol(given)) / static_cast<long>(parts);
}

struct Picture {
  std::string name;
  std::vector<std::uint8_t> pixels;
  std::optional<double> exposure;
};

using Table = std::map<std::string, std::vector<int>>;
using Mixed = std::tuple<std::variant<int, std::string, std::vector<bool>>, std::uint8_t, double>;

// Each kind of task and its result. The last byte of the arguments is the kind.
int kind_0(std::uint8_t /*kind*/) {
  return 1;
}
std::string kind_1(std::uint8_t /*kind*/) {
  return "a text that is longer than a string has room for in itself";
}
Table kind_2(std::uint8_t /*kind*/) {
  return {{"one", {1}}, {"two", {1, 2}}, {"many", std::vector<int>(50)}};
}
Mixed kind_3(std::uint8_t /*kind*/) {
  return {std::vector<bool>{true, false}, 3, 0.5};
}
std::vector<Picture> kind_4(std::uint8_t /*kind*/) {
  return {{.name = "left", .pixels = std::vector<std::uint8_t>(100), .exposure = 0.5},
          {.name = "right", .pixels = {}, .exposure = {}}};
}
std::vector<FileDescriptor> kind_5(std::uint8_t /*kind*/) {
  return {};
}

template <class T>
std::vector<std::byte> pickled(const T& value) {
  coeval::pickle::OutputArchive archive;
  archive(value);
  const coeval::pickle::Bytes bytes = archive.take().bytes;
  return {bytes.begin(), bytes.end()};
}

const HostileSamples& samples() {
  static const HostileSamples made{
      .results = {pickled(kind_0(0)), pickled(kind_1(0)), pickled(kind_2(0)), pickled(kind_3(0)),
                  pickled(kind_4(0)), std::vector<std::byte>(16)},
      .exceptions = {
          pickled(std::make_exception_ptr(std::runtime_error("of the standard library"))),
          pickled(std::make_exception_ptr(coeval::TimeoutError("of this one"))),
          pickled(std::make_exception_ptr(coeval::WorkerDied("with fields", -9, 1234, "a stack"))),
          pickled(std::make_exception_ptr(std::system_error(5, std::generic_category(), "text"))),
          pickled(std::make_exception_ptr(42)),
      }};
  return made;
}

void turn_hostile(const SharedNumbers& started, std::uint64_t seed, bool flips) {
  const long number = started[0]++;
  support::answer_with_nonsense(samples(), seed + static_cast<std::uint64_t>(number), flips);
}

struct Counts {
  long frames = 0;
  long values = 0;
  long errors = 0;  // PickleError, and what a frame was an exception of
  long deaths = 0;
};

template <class Kind>
void decode(ProcessPoolExecutor& pool, Kind task, std::uint8_t kind, Counts& counts) {
  using Result = std::invoke_result_t<Kind, std::uint8_t>;
  constexpr int batch = 1000;
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
  const std::vector<std::uint8_t> inputs(1000, kind);
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
  const Counts counts = decode_frames(wanted_frames(), GetParam() << 32, flips);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_GE(counts.frames, wanted_frames());
  EXPECT_GT(counts.values, 0);
  EXPECT_GT(counts.errors, 0);
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
