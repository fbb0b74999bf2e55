// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/search.hpp"

#include "model/planted.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using model::check;
using model::Execution;
using model::explore;
using model::Memory;
using model::Options;
using model::Result;
using model::Search;
using namespace planted;  // NOLINT: the memory orders and the objects under test

// Sets a variable of the environment for its own life.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

void broken_deque(Execution& x) {
  use_deque<Deque::no_race_for_the_last>(x, 1);
}
void unordered_deque(Execution& x) {
  use_deque<Deque::no_store_load_order>(x, 2);
}

TEST(Search, random_and_pct_find_the_planted_bugs) {
  for (const Search search : {Search::random, Search::pct}) {
    for (const auto& body : {use_gate<Gate::checks_too_early>, broken_deque, unordered_deque,
                             use_spin_lock<Spin::test_then_set>}) {
      const Result result =
          explore({.memory = Memory::weak, .search = search, .executions = 5000}, body);
      EXPECT_FALSE(result.ok()) << result.report();
      EXPECT_FALSE(result.complete);
      EXPECT_NE(result.seed, 0U);
      std::cout << result.summary << "\n";
    }
  }
}

TEST(Search, random_and_pct_pass_what_is_right) {
  for (const Search search : {Search::random, Search::pct}) {
    const Result result =
        explore({.memory = Memory::weak, .search = search, .spurious = 1, .executions = 20'000},
                [](Execution& x) { use_deque<Deque::right>(x, 3); });
    EXPECT_TRUE(result.ok()) << result.report();
    EXPECT_EQ(result.executions, 20'000U);
    std::cout << result.report();
  }
}

TEST(Search, a_seed_gives_the_same_execution_again) {
  const Options options{.search = Search::random};
  const Result first = explore(options, broken_deque);
  ASSERT_FALSE(first.ok());
  Options again = options;
  again.seed = first.seed;
  again.executions = 1;
  const Result second = explore(again, broken_deque);
  EXPECT_EQ(second.failure, first.failure);
  EXPECT_EQ(second.interleaving, first.interleaving);
}

TEST(Search, a_number_of_executions_ends_an_exhaustive_search) {
  const Result result = explore({.executions = 10}, use_gate<Gate::right>);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.executions, 10U);
  EXPECT_FALSE(result.complete);
}

TEST(Search, random_reaches_every_order) {
  std::set<std::string> orders;
  const Result result = explore({.search = Search::random, .executions = 2000}, [&](Execution& x) {
    coeval::atomic<int> turn{0};
    std::string order;
    for (const char* name : {"a", "b", "c"}) {
      x.thread(name, [&turn, &order, name] {
        for (int i = 0; i < 2; ++i) {
          turn.fetch_add(1, memory_order_relaxed);
          order += name;
        }
      });
    }
    x.run();
    orders.insert(order);
  });
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(orders.size(), 90U);
}

TEST(Replay, the_choices_of_a_failure_show_it_again) {
  for (const Search search : {Search::exhaustive, Search::random, Search::pct}) {
    const Options options{
        .memory = Memory::weak, .search = search, .preemptions = 3, .executions = 0};
    const Result first = explore(options, broken_deque);
    ASSERT_FALSE(first.ok());
    EXPECT_NE(first.report().find("COEVAL_MODEL_REPLAY='" + first.replay + "'"), std::string::npos);

    const Environment environment("COEVAL_MODEL_REPLAY", first.replay);
    testing::internal::CaptureStdout();
    const Result again = explore(options, broken_deque);
    const std::string printed = testing::internal::GetCapturedStdout();
    EXPECT_EQ(again.executions, 1U);
    EXPECT_EQ(again.failure, first.failure);
    EXPECT_EQ(again.interleaving, first.interleaving);
    EXPECT_NE(printed.find("compare_exchange deque: 1 → 2 (seq_cst)"), std::string::npos);
  }
}

TEST(Replay, a_seed_can_be_replayed_too) {
  const Options options{.search = Search::random};
  const Result first = explore(options, broken_deque);
  ASSERT_FALSE(first.ok());
  const Environment environment("COEVAL_MODEL_REPLAY", "seed:" + std::to_string(first.seed));
  testing::internal::CaptureStdout();
  const Result again = explore(options, broken_deque);
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(again.interleaving, first.interleaving);
}

TEST(Replay, concerns_the_exploration_of_that_name_only) {
  const Environment environment("COEVAL_MODEL_REPLAY", "other/01");
  const Result mine = explore({.name = "mine"}, use_gate<Gate::right>);
  EXPECT_TRUE(mine.complete);
  EXPECT_NE(mine.summary.find("mine: exhaustive"), std::string::npos);
  testing::internal::CaptureStdout();
  const Result other = explore({.name = "other"}, use_gate<Gate::right>);
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(other.executions, 1U);
}

TEST(Replay, seed_and_times_come_from_the_environment) {
  const Environment seed("COEVAL_MODEL_SEED", "1000");
  const Environment times("COEVAL_MODEL_TIMES", "3");
  const Options options{.search = Search::random, .executions = 5};
  EXPECT_EQ(explore(options, use_gate<Gate::right>).executions, 15U);
  EXPECT_EQ(explore(options, use_gate<Gate::no_notify>).seed / 1000, 1U);
}

TEST(Replay, a_deeper_search_comes_from_the_environment) {
  const std::uint64_t executions = explore({.preemptions = 0}, use_gate<Gate::right>).executions;
  const Environment deeper("COEVAL_MODEL_DEEPER", "1");
  EXPECT_GT(explore({.preemptions = 0}, use_gate<Gate::right>).executions, executions);
}

TEST(ReplayDeathTest, a_crash_says_how_to_see_it_again) {
  const auto crash = [](Execution& x) {
    coeval::atomic<int> turn{0};
    x.thread("one", [&] { turn.store(1, memory_order_relaxed); });
    x.thread("two", [&] {
      if (turn.load(memory_order_relaxed) == 0) {
        std::abort();
      }
    });
    x.run();
  };
  EXPECT_DEATH(explore({.name = "crash"}, crash), "COEVAL_MODEL_REPLAY='crash/1'");
}

TEST(Replay, choices_become_text_and_back) {
  const std::vector<std::uint8_t> choices{0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 31, 10, 0, 0};
  EXPECT_EQ(model::text_of(choices), "010002(5)va");
  std::vector<std::uint8_t> parsed = model::parse_choices("010002(5)va");
  parsed.resize(choices.size());  // zeros at the end are not written
  EXPECT_EQ(parsed, choices);
  EXPECT_EQ(model::text_of(std::array<std::uint8_t, 3>{}), "0");
  EXPECT_THROW(model::parse_choices("01x"), std::invalid_argument);
  EXPECT_THROW(model::parse_choices("(5"), std::invalid_argument);
}

}  // namespace
