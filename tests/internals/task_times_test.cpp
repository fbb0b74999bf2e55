// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/pool/task_times.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

using coeval::detail::TaskTimes;

TEST(TaskTimes, are_those_of_an_honest_worker) {
  const TaskTimes times = TaskTimes::of(100, 120, 30, 200);
  EXPECT_EQ(times.began, 120);
  EXPECT_EQ(times.ended, 150);
}

TEST(TaskTimes, of_a_worker_that_died_end_now) {
  EXPECT_EQ(TaskTimes::of(100, 120, 0, 200).ended, 200);
}

TEST(TaskTimes, lie_between_our_own_whatever_a_worker_says) {
  for (const std::int64_t told : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1},
                                  std::int64_t{150}, std::int64_t{201}, INT64_MAX}) {
    for (const std::int64_t wall :
         {INT64_MIN, std::int64_t{0}, std::int64_t{1}, std::int64_t{500}, INT64_MAX}) {
      for (const std::int64_t handed_over : {0, 100, 300}) {
        const TaskTimes times = TaskTimes::of(handed_over, told, wall, 200);
        EXPECT_LE(handed_over < 200 ? handed_over : 200, times.began);
        EXPECT_LE(times.began, times.ended);
        EXPECT_LE(times.ended, 200);
      }
    }
  }
}

}  // namespace
