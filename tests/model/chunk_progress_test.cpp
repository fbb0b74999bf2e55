// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// ChunkProgress in every schedule: each element is run by one side, and what a worker has done before
// its death is known.

#include "model/model.hpp"

#include "executors/processes/exchange/chunk_progress.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>

namespace {

using coeval::detail::ChunkProgress;

constexpr std::uint32_t elements = 4;
constexpr ChunkProgress::State all{.element = 0, .end = elements};

// A chunk, and what only the order of memory protects: the results of its elements.
struct Chunk {
  ChunkProgress progress;
  std::array<std::unique_ptr<model::var<int>>, elements> results;
  std::array<int, elements> runs{};

  Chunk() {
    for (auto& one : results) {
      one = std::make_unique<model::var<int>>(0, "result");
    }
    progress.begin(all);
  }
  void run(std::uint32_t element) {
    model::check(++runs[element] == 1, "an element runs once");
    results[element]->write(1);
  }
  void work() {
    std::uint32_t element = 0;
    do {
      run(element++);
    } while (progress.advance());
  }
  // Takes away what the worker has not begun, and does it here.
  std::uint32_t cut() {
    const std::optional<std::uint32_t> from = progress.cut(all);
    for (std::uint32_t element = from.value_or(elements); element < elements; ++element) {
      run(element);
    }
    return from.value_or(elements);
  }
};

void explore(const char* name, int kills, const std::function<void(model::Execution&)>& body) {
  for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
    const model::Result r = model::explore(
        {.name = name, .memory = memory, .preemptions = 3, .stale_reads = 2, .kills = kills}, body);
    EXPECT_TRUE(r.ok()) << r.report();
    EXPECT_TRUE(r.complete) << r.summary;
    std::cout << r.summary << '\n';
  }
}

TEST(ChunkProgressModel, each_element_is_run_by_one_side) {
  explore("chunk_cut", 0, [](model::Execution& x) {
    Chunk chunk;
    x.thread("worker", [&] { chunk.work(); });
    const std::uint32_t end = chunk.cut();
    x.run();
    model::check(chunk.progress.read().element == end, "the worker did its part");
    for (const int runs : chunk.runs) {
      model::check(runs == 1, "each element was run");
    }
  });
}

TEST(ChunkProgressModel, what_was_done_before_a_death_is_whole) {
  explore("chunk_death", 1, [](model::Execution& x) {
    Chunk chunk;
    const auto worker = x.killable("worker", [&] { chunk.work(); });
    const std::uint32_t end = chunk.cut();
    x.run();
    const std::uint32_t done = chunk.progress.read().element;
    model::check(done <= end && (worker.killed() || done == end), "no element is passed by");
    for (std::uint32_t element = 0; element < elements; ++element) {
      if (element < done || element >= end) {
        model::check(chunk.runs[element] == 1 && chunk.results[element]->read() == 1, "it is done");
      } else {
        model::check(chunk.runs[element] <= (element == done ? 1 : 0), "one at the most had begun");
      }
    }
  });
}

TEST(ChunkProgressModel, the_results_below_the_progress_can_be_read) {
  explore("chunk_read", 0, [](model::Execution& x) {
    Chunk chunk;
    x.thread("worker", [&] { chunk.work(); });
    const std::uint32_t done = chunk.progress.read().element;
    for (std::uint32_t element = 0; element < done; ++element) {
      model::check(chunk.results[element]->read() == 1, "the result was written before");
    }
    x.run();
  });
}

TEST(ChunkProgressModel, a_worker_that_ends_the_chunk_early_leaves_the_rest_to_the_pool) {
  explore("chunk_stop", 0, [](model::Execution& x) {
    Chunk chunk;
    x.thread("worker", [&] {
      chunk.run(0);
      if (chunk.progress.advance()) {
        chunk.progress.stop_here();
      }
    });
    const std::uint32_t end = chunk.cut();
    x.run();
    for (std::uint32_t element = chunk.progress.read().element; element < end; ++element) {
      chunk.run(element);
    }
    for (const int runs : chunk.runs) {
      model::check(runs == 1, "each element was run");
    }
  });
}

// A hostile worker writes anything.
TEST(ChunkProgress, nothing_is_cut_from_nonsense) {
  ChunkProgress progress;
  for (const ChunkProgress::State state : {ChunkProgress::State{.element = 0, .end = 0},
                                           {.element = 4, .end = 4},
                                           {.element = 9, .end = 4},
                                           {.element = 3, .end = 4},
                                           {.element = 0, .end = 5},
                                           {.element = 0, .end = 3},
                                           {.element = ~0U, .end = ~0U}}) {
    progress.begin(state);
    EXPECT_EQ(progress.cut(all), std::nullopt) << state.element << ' ' << state.end;
  }
  progress.begin({.element = 1, .end = 4});
  EXPECT_EQ(progress.cut({.element = 2, .end = 4}), std::nullopt);
  EXPECT_EQ(progress.cut(all), 2U);
  EXPECT_EQ(progress.cut(all), std::nullopt);
}

}  // namespace
