// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_reduce.hpp>

#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coeval {
namespace {

class ParallelReduceTest : public testing::TestWithParam<const char*> {
 protected:
  AnyExecutor pool_ = make_executor(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Executors, ParallelReduceTest,
                         testing::Values("inline", "threads:1", "threads:2", "threads:4"));

constexpr std::size_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 1000, 4097, 50'000};
constexpr std::size_t grains[] = {0, 0, 1, 2, 7, 64, 1000, 1'000'000};

TEST_P(ParallelReduceTest, a_sum_for_each_size_and_grain) {
  for (const std::size_t size : sizes) {
    std::vector<std::int64_t> numbers(size);
    std::iota(numbers.begin(), numbers.end(), 1);
    const std::int64_t expected = std::accumulate(numbers.begin(), numbers.end(), std::int64_t{5});
    for (const std::size_t grain : grains) {
      ASSERT_EQ(parallel_reduce(pool_, {.grain = grain}, numbers, std::int64_t{5}), expected)
          << size << " by " << grain;
    }
  }
}

TEST_P(ParallelReduceTest, a_sum_of_doubles_for_each_size_and_grain) {
  for (const std::size_t size : sizes) {
    std::vector<double> numbers(size);  // whole ones, so that no sum is rounded
    std::iota(numbers.begin(), numbers.end(), 1.0);
    const double expected = std::accumulate(numbers.begin(), numbers.end(), 5.0);
    for (const std::size_t grain : grains) {
      ASSERT_EQ(parallel_reduce(pool_, {.grain = grain}, numbers, 5.0), expected)
          << size << " by " << grain;
    }
  }
}

TEST_P(ParallelReduceTest, the_order_is_that_of_the_range) {
  for (const std::size_t size : {0, 1, 2, 3, 63, 64, 65, 1000, 4097}) {
    std::vector<std::string> words;
    std::string expected = "words:";
    for (std::size_t i = 0; i < size; ++i) {
      words.push_back(std::to_string(i) + ' ');
      expected += words.back();
    }
    for (const std::size_t grain : grains) {
      ASSERT_EQ(parallel_reduce(pool_, {.grain = grain}, words, std::string("words:")), expected)
          << size << " by " << grain;
    }
  }
}

// x ↦ a·x + b; one after the other is associative, and not commutative.
struct Affine {
  double a;
  double b;
  friend bool operator==(const Affine&, const Affine&) = default;
};

TEST_P(ParallelReduceTest, the_operation_need_not_commute) {
  std::vector<Affine> maps;
  for (int i = 0; i < 20'000; ++i) {
    maps.push_back({i % 2 == 0 ? 2.0 : 0.5, static_cast<double>(i % 5)});
  }
  const auto then = [](Affine f, Affine g) { return Affine{f.a * g.a, f.b * g.a + g.b}; };
  const Affine expected = std::accumulate(maps.begin(), maps.end(), Affine{1, 0}, then);
  EXPECT_EQ(parallel_reduce(pool_, maps, Affine{1, 0}, then), expected);
  EXPECT_EQ(parallel_reduce(pool_, {.grain = 3}, maps, Affine{1, 0}, then), expected);
}

TEST_P(ParallelReduceTest, init_is_used_once_and_is_the_result_of_an_empty_range) {
  const std::vector<int> numbers(10'000, 0);
  EXPECT_EQ(parallel_reduce(pool_, {.grain = 1}, numbers, 7), 7);
  EXPECT_EQ(parallel_reduce(pool_, std::vector<int>(), 7), 7);
}

TEST_P(ParallelReduceTest, each_element_is_transformed_once) {
  std::atomic<int> calls = 0;
  const auto square = [&](int n) {
    ++calls;
    return static_cast<double>(n) * n;
  };
  for (const std::size_t grain : {0, 1, 9}) {
    calls = 0;
    const double sum = parallel_reduce(pool_, {.grain = grain}, std::views::iota(0, 1000), 0.0,
                                       std::plus<>(), square);
    EXPECT_EQ(sum, 332'833'500.0);
    EXPECT_EQ(calls, 1000);
  }
}

TEST_P(ParallelReduceTest, the_result_may_be_of_a_type_that_is_only_moved) {
  using Box = std::unique_ptr<int>;
  const auto box = [](int n) { return std::make_unique<int>(n); };
  const auto add = [](Box a, Box b) {
    *a += *b;
    return a;
  };
  const std::vector<int> numbers(1000, 3);
  EXPECT_EQ(*parallel_reduce(pool_, {.grain = 7}, numbers, box(1), add, box), 3001);
}

TEST_P(ParallelReduceTest, the_result_need_not_have_a_default) {
  struct Least {
    explicit Least(int n) : value(n) {}
    int value;
  };
  const auto least = [](Least a, Least b) { return a.value < b.value ? a : b; };
  const auto of = [](int n) { return Least(n); };
  const std::vector<int> numbers{5, 3, 9, 3, 8};
  EXPECT_EQ(parallel_reduce(pool_, {.grain = 1}, numbers, Least(100), least, of).value, 3);
}

TEST_P(ParallelReduceTest, the_sum_is_of_the_type_of_init) {
  const std::vector<int> numbers(100'000, 1'000'000);
  EXPECT_EQ(parallel_reduce(pool_, numbers, std::int64_t{0}), 100'000'000'000);
}

TEST_P(ParallelReduceTest, any_range_with_random_access_will_do) {
  EXPECT_EQ(parallel_reduce(pool_, std::deque<int>{1, 2, 3}, 0), 6);
  const int array[] = {1, 2, 4};
  EXPECT_EQ(parallel_reduce(pool_, array, 0), 7);
  const std::vector<bool> bits{true, false, true};
  EXPECT_EQ(parallel_reduce(pool_, bits, 0), 2);
  EXPECT_EQ(
      parallel_reduce(pool_, std::views::iota(std::size_t{0}, std::size_t{10}), std::size_t{0}),
      45U);
}

TEST_P(ParallelReduceTest, a_reduction_in_each_iteration_of_a_loop) {
  std::vector<int> sums(20);
  parallel_for(pool_, {.grain = 1}, 0, 20, [&](int i) {
    sums.at(static_cast<std::size_t>(i)) =
        parallel_reduce(pool_, {.grain = 2}, std::views::iota(0, i), 0);
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(sums.at(static_cast<std::size_t>(i)), i * (i - 1) / 2);
  }
}

std::vector<double> reciprocals() {
  std::vector<double> numbers(100'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = 1.0 / static_cast<double>(i + 1);
  }
  return numbers;
}

TEST_P(ParallelReduceTest, with_a_grain_the_sum_of_doubles_is_the_same_with_any_executor) {
  const std::vector<double> numbers = reciprocals();
  AnyExecutor other = make_executor("threads:3");
  for (const std::size_t grain : {1, 10, 777, 50'000}) {
    const double sum = parallel_reduce(other, {.grain = grain}, numbers, 0.0);
    for (int round = 0; round < 3; ++round) {
      ASSERT_EQ(parallel_reduce(pool_, {.grain = grain}, numbers, 0.0), sum) << grain;
    }
  }
}

TEST_P(ParallelReduceTest, the_sum_of_doubles_is_near_to_the_one_of_a_loop) {
  const std::vector<double> numbers = reciprocals();
  const double expected = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  EXPECT_NEAR(parallel_reduce(pool_, numbers, 0.0), expected, 1e-9);
}

}  // namespace
}  // namespace coeval
