// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// MapProgress in every schedule: each element has one owner, and a reader that sleeps is told.

#include "model/model.hpp"

#include <coeval/futures/detail/map_progress.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>

namespace {

using coeval::detail::MapProgress;

constexpr std::uint32_t elements = 2;

// A chunk, and what only the order of memory protects: the results of its elements.
struct Chunk {
  MapProgress progress;
  coeval::atomic<std::uint32_t> published{0};
  coeval::atomic<std::uint32_t> tellings{0};
  std::array<std::unique_ptr<model::var<int>>, elements> results;
  std::array<int, elements> ends{};

  Chunk() {
    progress.set_size(elements);
    for (auto& one : results) {
      one = std::make_unique<model::var<int>>(0, "result");
    }
  }
  void end(std::uint32_t element) {
    model::check(++ends[element] == 1, "an element ends once");
    results[element]->write(1);
    published.fetch_or(1U << element, std::memory_order_release);
  }
  void tell() {
    tellings.fetch_add(1, std::memory_order_release);
    tellings.notify_all();
  }
  // As a worker does it.
  void work() {
    while (true) {
      const MapProgress::Claim claim = progress.claim();
      if (claim.tells) {
        tell();
      }
      if (claim.element >= elements) {
        if (claim.element == elements && claim.taken != 0) {
          for (std::uint32_t taken = elements - claim.taken; taken != elements; ++taken) {
            end(taken);
          }
          if (progress.tell_each()) {
            tell();
          }
        }
        return;
      }
      end(claim.element);
    }
  }
  bool is_published(std::uint32_t element) const {
    return (published.load(std::memory_order_acquire) & 1U << element) != 0;
  }
  // As a reader does it.
  void read(std::uint32_t element) {
    while (!is_published(element)) {
      const std::uint32_t seen = tellings.load(std::memory_order_acquire);
      progress.watch();
      if (!is_published(element)) {
        tellings.wait(seen, coeval::never);
      }
    }
    model::check(results[element]->read() == 1, "what was published is seen");
  }
  void check_ends() const {
    for (const int times : ends) {
      model::check(times == 1, "each element has ended");
    }
  }
};

void explore(const char* name, const std::function<void(model::Execution&)>& body) {
  for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
    const model::Result r =
        model::explore({.name = name, .memory = memory, .preemptions = 3, .stale_reads = 2}, body);
    EXPECT_TRUE(r.ok()) << r.report();
    EXPECT_TRUE(r.complete) << r.summary;
    std::cout << r.summary << '\n';
  }
}

TEST(MapProgressModel, a_reader_that_sleeps_is_told_at_the_end_of_the_chunk) {
  explore("map_read", [](model::Execution& x) {
    Chunk chunk;
    x.thread("worker", [&] { chunk.work(); });
    chunk.read(0);
    chunk.read(1);
    x.run();
    chunk.check_ends();
  });
}

TEST(MapProgressModel, two_workers_share_the_elements) {
  explore("map_share", [](model::Execution& x) {
    Chunk chunk;
    x.thread("worker", [&] { chunk.work(); });
    chunk.work();
    x.run();
    chunk.check_ends();
  });
}

TEST(MapProgressModel, what_is_taken_away_ends_once) {
  explore("map_take_away", [](model::Execution& x) {
    Chunk chunk;
    x.thread("worker", [&] { chunk.work(); });
    x.thread("other worker", [&] { chunk.work(); });
    chunk.progress.take_away();
    x.run();
    chunk.check_ends();
  });
}

// The worker of the second element goes on only when the first one was read.
TEST(MapProgressModel, a_reader_is_told_of_each_element_when_that_is_asked_for) {
  explore("map_tell_each", [](model::Execution& x) {
    Chunk chunk;
    coeval::atomic<std::uint32_t> read{0};
    x.thread("worker", [&] {
      chunk.end(chunk.progress.claim().element);
      if (chunk.progress.claim().tells) {
        chunk.tell();
      }
      while (read.load(std::memory_order_acquire) == 0) {
        read.wait(0, coeval::never);
      }
      chunk.end(1);
    });
    x.thread("timer", [&] {
      if (chunk.progress.tell_each()) {
        chunk.tell();
      }
    });
    chunk.read(0);
    read.store(1, std::memory_order_release);
    read.notify_all();
    x.run();
    chunk.check_ends();
  });
}

}  // namespace
