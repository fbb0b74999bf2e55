// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <coeval/core/errors.hpp>

#include <ranges>
#include <stdexcept>
#include <vector>

namespace coeval::contract {
namespace {

template <class Case>
class BulkTest : public ExecutorTest<Case> {};

using Ints = std::vector<int>;

template <class T>
std::vector<T> results(const std::vector<Future<T>>& futures) {
  std::vector<T> all;
  for (const Future<T>& future : futures) {
    all.push_back(future.result());
  }
  return all;
}

int square_unless_three(int n) {
  if (n == 3) {
    throw std::invalid_argument("three");
  }
  return n * n;
}

CONTRACT_TEST(BulkTest, gives_a_future_for_each_input_in_their_order) {
  const Ints inputs{5, 1, 4};
  EXPECT_EQ(results(this->pool_.submit_bulk(square, inputs)), (Ints{25, 1, 16}));
  EXPECT_EQ(this->pool_.stats().submitted, 3U);
}

CONTRACT_TEST(BulkTest, of_an_empty_range_submits_nothing) {
  EXPECT_TRUE(this->pool_.submit_bulk(square, Ints()).empty());
  EXPECT_EQ(this->pool_.stats().submitted, 0U);
}

CONTRACT_TEST(BulkTest, ends_with_the_shortest_range) {
  EXPECT_EQ(results(this->pool_.submit_bulk(add, Ints{1, 2, 3}, Ints{10, 20})), (Ints{11, 22}));
}

CONTRACT_TEST(BulkTest, takes_more_tasks_than_go_in_one_step) {
  constexpr int many = 1000;
  const auto futures = this->pool_.submit_bulk(square, std::views::iota(0, many));
  ASSERT_EQ(futures.size(), static_cast<std::size_t>(many));
  for (int i = 0; i < many; ++i) {
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i * i);
  }
}

CONTRACT_TEST(BulkTest, an_exception_stays_with_its_own_task) {
  const auto futures = this->pool_.submit_bulk(square_unless_three, Ints{2, 3, 4});
  EXPECT_EQ(futures[0].result(), 4);
  EXPECT_THROW(futures[1].result(), std::invalid_argument);
  EXPECT_EQ(futures[2].result(), 16);
}

CONTRACT_TEST(BulkTest, after_shutdown_raises) {
  this->pool_.shutdown();
  EXPECT_THROW(this->pool_.submit_bulk(square, Ints{1, 2}), RuntimeError);
}

CONTRACT_TEST(BulkTest, an_exception_of_the_range_comes_out_and_cancels_what_has_not_begun) {
  auto inputs = std::views::iota(0, 3) | std::views::transform([](int n) -> int {
                  if (n == 2) {
                    throw std::out_of_range("the range");
                  }
                  return n;
                });
  EXPECT_THROW(this->pool_.submit_bulk(square, inputs), std::out_of_range);
  this->pool_.shutdown();
  const ExecutorStats stats = this->pool_.stats();
  EXPECT_EQ(stats.completed + stats.cancelled, stats.submitted);
}

CONTRACT_TEST(BulkTest, goes_through_a_view_with_options) {
  const auto futures =
      this->pool_.with({.name = "bulk", .priority = 1}).submit_bulk(square, Ints{3});
  EXPECT_EQ(futures[0].result(), 9);
  EXPECT_NE(to_string(futures[0]).find("bulk"), std::string::npos);
}

}  // namespace
}  // namespace coeval::contract
