// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/pool/suspicion.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace {

using coeval::detail::Suspicion;

TEST(Suspicion, never_falls_on_anybody_where_all_tasks_raise) {
  Suspicion suspicion;
  Suspicion::Streak streak = 0;
  for (int i = 0; i < 100'000; ++i) {
    suspicion.note(streak, 0, 1);
    ASSERT_FALSE(suspicion.is_sick(streak));
    ASSERT_FALSE(suspicion.is_doubtful(streak));
  }
}

TEST(Suspicion, falls_on_one_that_only_raises_where_others_return) {
  Suspicion suspicion;
  Suspicion::Streak good = 0;
  Suspicion::Streak bad = 0;
  for (int i = 0; i < 100; ++i) {
    suspicion.note(good, 1, 0);
  }
  for (int i = 0; i < 7; ++i) {
    suspicion.note(bad, 0, 1);
    EXPECT_FALSE(suspicion.is_sick(bad));
  }
  EXPECT_TRUE(suspicion.is_doubtful(bad));
  suspicion.note(bad, 0, 1);
  EXPECT_TRUE(suspicion.is_sick(bad));
  EXPECT_FALSE(suspicion.is_sick(good));
  suspicion.note(bad, 1, 0);
  EXPECT_FALSE(suspicion.is_doubtful(bad));
}

// However often tasks raise by chance, a healthy process is hardly ever suspected.
TEST(Suspicion, seldom_falls_on_a_healthy_one) {
  std::mt19937 random(11);
  for (const double rate : {0.01, 0.1, 0.5, 0.9, 0.99}) {
    std::bernoulli_distribution raises(rate);
    Suspicion suspicion;
    Suspicion::Streak streaks[4] = {};
    int sick = 0;
    for (int i = 0; i < 200'000; ++i) {
      const bool raised = raises(random);
      Suspicion::Streak& streak = streaks[i % 4];
      suspicion.note(streak, raised ? 0 : 1, raised ? 1 : 0);
      if (suspicion.is_sick(streak)) {
        ++sick;
        streak = 0;
      }
    }
    EXPECT_LE(sick, 20) << rate;
  }
}

// The input has become bad, and no process is: some are replaced, fewer and fewer.
TEST(Suspicion, dies_away_when_all_tasks_come_to_raise) {
  Suspicion suspicion;
  Suspicion::Streak streak = 0;
  for (int i = 0; i < 1000; ++i) {
    suspicion.note(streak, 1, 0);
  }
  int sick = 0;
  for (int i = 0; i < 100'000; ++i) {
    suspicion.note(streak, 0, 1);
    if (suspicion.is_sick(streak)) {
      ++sick;
      streak = 0;
    }
  }
  EXPECT_GE(sick, 1);
  EXPECT_LE(sick, 1000);
}

}  // namespace
