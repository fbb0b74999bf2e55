// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/axioms.hpp"

#include "model/model.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>

namespace {

using axioms::Kind;
using axioms::Outcome;
using axioms::Outcomes;
using axioms::Program;

// Every outcome that the checker finds.
Outcomes explored(const Program& program) {
  Outcomes outcomes;
  const model::Result result = model::explore(
      {.memory = model::Memory::weak,
       .preemptions = model::unlimited,
       .stale_reads = model::unlimited},
      [&](model::Execution& x) {
        std::array<coeval::atomic<int>, 2> memory;
        std::array<Outcome, 3> read;
        for (std::size_t thread = 0; thread < program.size(); ++thread) {
          x.thread("thread", [&, thread] {
            for (const axioms::Operation& operation : program[thread]) {
              auto& location = memory[static_cast<std::size_t>(operation.location)];
              if (operation.kind == Kind::load) {
                read[thread].push_back(location.load(operation.order));
              } else if (operation.kind == Kind::store) {
                location.store(operation.value, operation.order);
              } else {
                read[thread].push_back(location.exchange(operation.value, operation.order));
              }
            }
          });
        }
        x.run();
        Outcome outcome;
        for (const Outcome& part : read) {
          outcome.insert(outcome.end(), part.begin(), part.end());
        }
        outcomes.insert(outcome);
      });
  EXPECT_TRUE(result.ok() && result.complete) << result.report();
  return outcomes;
}

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  Program program() {
    Program program(static_cast<std::size_t>(2 + below(2)));
    int value = 0;
    for (auto& operations : program) {
      const int count = program.size() == 2 ? 2 + below(2) : 1 + below(2);
      for (int i = 0; i < count; ++i) {
        const Kind kind = std::array{Kind::load, Kind::load, Kind::store, Kind::store,
                                     Kind::exchange}[static_cast<std::size_t>(below(5))];
        operations.push_back({kind, below(2), order_of(kind), ++value});
      }
    }
    return program;
  }

 private:
  int below(int bound) { return static_cast<int>(random_() % static_cast<std::uint32_t>(bound)); }

  std::memory_order order_of(Kind kind) {
    const std::memory_order one_sided =
        kind == Kind::load ? std::memory_order_acquire
        : kind == Kind::store
            ? std::memory_order_release
            : std::array{std::memory_order_acquire, std::memory_order_release,
                         std::memory_order_acq_rel}[static_cast<std::size_t>(below(3))];
    return std::array{std::memory_order_relaxed, one_sided,
                      std::memory_order_seq_cst}[static_cast<std::size_t>(below(3))];
  }

  std::mt19937 random_;
};

std::string text_of(const Program& program) {
  std::string text;
  for (const auto& operations : program) {
    for (const auto& operation : operations) {
      text += std::array{"load", "store", "exchange"}[static_cast<std::size_t>(operation.kind)];
      text += std::string(" ") + "xy"[operation.location] + " " + std::to_string(operation.value) +
              " order " + std::to_string(static_cast<int>(operation.order)) + "; ";
    }
    text += "|| ";
  }
  return text;
}

TEST(Axioms, the_memory_model_is_rc11_with_stores_in_execution_order) {
  int beyond = 0;
  std::size_t outcomes = 0;
  constexpr int programs = 3000;
  for (std::uint32_t seed = 1; seed <= programs; ++seed) {
    const Program program = Generator(seed).program();
    const axioms::Allowed allowed = axioms::allowed(program);
    const Outcomes seen = explored(program);
    // Nothing that RC11 forbids is ever reported, and nothing is missed but what needs a store to
    // take effect before one that was executed earlier.
    ASSERT_EQ(seen, allowed.in_some_order) << "seed " << seed << ": " << text_of(program);
    outcomes += seen.size();
    beyond += allowed.by_rc11.size() > seen.size() ? 1 : 0;
  }
  std::cout << programs << " programs with " << outcomes << " outcomes agree; RC11 allows more for "
            << beyond << "\n";
}

TEST(Axioms, two_stores_by_each_of_two_threads_are_a_known_limit) {
  // 2+2W, and a reader of each location afterwards: RC11 lets both first stores win.
  const auto relaxed = std::memory_order_relaxed;
  const Program program{
      {{Kind::store, 0, relaxed, 1}, {Kind::store, 1, relaxed, 2}, {Kind::load, 1, relaxed, 0}},
      {{Kind::store, 1, relaxed, 3}, {Kind::store, 0, relaxed, 4}, {Kind::load, 0, relaxed, 0}}};
  const axioms::Allowed allowed = axioms::allowed(program);
  EXPECT_TRUE(allowed.by_rc11.contains({3, 1}));
  EXPECT_FALSE(explored(program).contains({3, 1}));
}

}  // namespace
