// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace coeval::contract {
namespace {

using namespace std::chrono_literals;

template <class Case>
class WithOptionsTest : public ExecutorTest<Case> {};

CONTRACT_TEST(WithOptionsTest, submits_like_the_executor) {
  EXPECT_EQ(this->pool_.with({}).submit(add, 1, 2).result(), 3);
  EXPECT_EQ(this->pool_.with({.priority = 5}).submit(add, 1, 2).result(), 3);
  EXPECT_EQ(this->pool_.with({.priority = -5}).try_submit(add, 1, 2)->result(), 3);
  EXPECT_EQ(this->pool_.stats().submitted, 3U);
}

CONTRACT_TEST(WithOptionsTest, is_a_value_that_may_be_kept) {
  const auto configured = this->pool_.with({.name = "sum"});
  const auto copy = configured;
  EXPECT_EQ(configured.submit(add, 1, 2).result(), 3);
  EXPECT_EQ(copy.submit(add, 3, 4).result(), 7);
}

CONTRACT_TEST(WithOptionsTest, the_name_is_in_the_text_of_the_future) {
  const auto future = this->pool_.with({.name = "sum"}).submit(add, 1, 2);
  EXPECT_TRUE(future.wait());
  EXPECT_EQ(to_string(future), "<Future of 'sum' finished, has a result>");
}

CONTRACT_TEST(WithOptionsTest, a_task_that_ends_in_time_is_not_hurt_by_its_timeout) {
  EXPECT_EQ(this->pool_.with({.timeout = 1h}).submit(square, 3).result(), 9);
  const auto failed = this->pool_.with({.timeout = 1h}).submit(raise_error);
  EXPECT_THROW(failed.result(), std::runtime_error);
  EXPECT_NO_THROW(this->pool_.with({.timeout = 1h}).submit(do_nothing).result());
}

CONTRACT_TEST(WithOptionsTest,
              a_task_that_runs_too_long_raises_timeout_error_and_is_asked_to_stop) {
  const auto future =
      this->pool_.with({.name = "slow", .timeout = 1ms}).submit(run_until_stopped, 1);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const TimeoutError& error) {
    EXPECT_NE(std::string(error.what()).find("'slow'"), std::string::npos) << error.what();
  }
  this->pool_.shutdown();  // returns: the function saw its stop_token and ended
  EXPECT_THROW(future.result(), TimeoutError);
  EXPECT_EQ(this->pool_.stats().failed, 1U);
  EXPECT_EQ(this->pool_.stats().completed, 0U);
}

CONTRACT_TEST(WithOptionsTest, an_exception_after_the_timeout_is_too_late) {
  const auto future = this->pool_.with({.timeout = 1ms}).submit([](const std::stop_token& stop) {
    run_until_stopped(stop, 0);
    throw std::runtime_error("late");
  });
  EXPECT_THROW(future.result(), TimeoutError);
  this->pool_.shutdown();
  EXPECT_THROW(future.result(), TimeoutError);
}

CONTRACT_TEST(WithOptionsTest, each_task_has_a_timeout_of_its_own) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0) {
      futures.push_back(this->pool_.with({.timeout = 1ms}).submit(run_until_stopped, i));
    } else {
      futures.push_back(this->pool_.with({.timeout = 1h}).submit(square, i));
    }
  }
  for (int i = 0; i < 20; ++i) {
    const Future<int>& future = futures[static_cast<std::size_t>(i)];
    if (i % 2 == 0) {
      EXPECT_THROW(future.result(), TimeoutError);
    } else {
      EXPECT_EQ(future.result(), i * i);
    }
  }
}

CONTRACT_TEST(WithOptionsTest, a_task_that_ends_at_its_timeout_has_one_outcome) {
  for (int round = 0; round < 200; ++round) {
    const auto future = this->pool_.with({.timeout = 20us * (round % 10)})
                            .submit(
                                [](std::chrono::microseconds time) {
                                  const auto end = std::chrono::steady_clock::now() + time;
                                  while (std::chrono::steady_clock::now() < end) {
                                  }
                                  return 1;
                                },
                                20us * (round % 10));
    if (future.exception() == nullptr) {
      EXPECT_EQ(future.result(), 1);
    } else {
      EXPECT_THROW(future.result(), TimeoutError);
    }
  }
  this->pool_.shutdown();
  const ExecutorStats stats = this->pool_.stats();
  EXPECT_EQ(stats.completed + stats.failed, 200U);
}

CONTRACT_TEST(WithOptionsTest, maps) {
  const std::vector<int> inputs{1, 2, 3};
  EXPECT_EQ(list(this->pool_.with({.timeout = 1h}).map(square, inputs)),
            (std::vector<int>{1, 4, 9}));
}

}  // namespace
}  // namespace coeval::contract
