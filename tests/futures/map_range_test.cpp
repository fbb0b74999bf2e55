// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// MapRange and list: what they keep, and for how long.

#include <coeval/futures/map.hpp>

#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using Ints = std::vector<int>;

int twice(int n) {
  return 2 * n;
}
std::shared_ptr<int> shared(int n) {
  return std::make_shared<int>(n);
}

TEST(MapRange, keeps_no_result_that_was_passed) {
  InlineExecutor pool;
  auto results = pool.map({.buffersize = 2}, shared, Ints{1, 2, 3});
  auto it = results.begin();
  const std::weak_ptr<int> first = *it;
  EXPECT_FALSE(first.expired());
  ++it;
  EXPECT_TRUE(first.expired());
  EXPECT_EQ(**it, 2);
}

TEST(MapRange, keeps_no_result_when_it_is_dropped) {
  InlineExecutor pool;
  std::weak_ptr<int> first;
  {
    auto results = pool.map({.eager = true}, shared, Ints{1, 2, 3});
    first = *results.begin();
    EXPECT_FALSE(first.expired());
  }
  EXPECT_TRUE(first.expired());
}

TEST(MapRange, owns_a_range_that_was_a_temporary) {
  InlineExecutor pool;
  auto results = pool.map({.buffersize = 1}, twice, Ints{1, 2, 3});
  EXPECT_EQ(list(results), (Ints{2, 4, 6}));
}

TEST(MapRange, reads_a_range_of_the_caller_as_it_goes) {
  InlineExecutor pool;
  Ints numbers{1, 2, 3};
  auto results = pool.map({.buffersize = 1}, twice, numbers);
  numbers[2] = 10;
  EXPECT_EQ(list(results), (Ints{2, 4, 20}));
}

TEST(MapRange, stores_values_of_a_range_whose_elements_are_proxies) {
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto occupied = pool.submit([&gate] { gate.wait(); });
  std::vector<bool> flags{true, true};
  auto results = pool.map([](bool flag) { return flag ? 1 : 0; }, flags);
  flags.assign(2, false);
  gate.set();
  EXPECT_EQ(list(results), (Ints{1, 1}));
}

TEST(MapRange, gives_the_function_elements_of_maps_and_sets) {
  InlineExecutor pool;
  const std::map<int, std::string> names{{1, "a"}, {2, "b"}};
  EXPECT_EQ(list(pool.map([](const auto& entry) { return entry.second; }, names)),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(list(pool.map(twice, std::set<int>{3, 1})), (Ints{2, 6}));
}

TEST(MapRange, copies_the_function_for_each_task) {
  InlineExecutor pool;
  const auto counter = [n = 0](int) mutable { return ++n; };
  EXPECT_EQ(list(pool.map(counter, Ints{7, 7, 7})), (Ints{1, 1, 1}));
}

TEST(MapRange, drops_function_and_inputs_when_it_is_through) {
  auto token = std::make_shared<int>(1);
  InlineExecutor pool;
  auto results = pool.map([token](int n) { return n; }, Ints{1, 2});
  for (auto it = results.begin(); it != results.end(); ++it) {
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(MapRange, outlives_the_pool) {
  std::optional<ThreadPoolExecutor> pool;
  pool.emplace(ThreadPoolOptions{.max_workers = 1});
  auto results = pool->map({.buffersize = 2}, twice, Ints{1, 2, 3});
  pool.reset();
  auto it = results.begin();
  EXPECT_EQ(*it, 2);
  ++it;
  EXPECT_EQ(*it, 4);
  ++it;
  EXPECT_THROW(*it, RuntimeError);
}

TEST(MapRange, an_exception_of_a_copy_of_an_element_takes_its_position) {
  struct Uncopyable {
    Uncopyable() = default;
    Uncopyable(const Uncopyable&) { throw std::runtime_error("copy"); }
    Uncopyable(Uncopyable&&) noexcept = default;
  };
  InlineExecutor pool;
  const std::vector<Uncopyable> elements(2);
  auto results = pool.map([](const Uncopyable&) { return 1; }, elements);
  auto it = results.begin();
  EXPECT_THROW(*it, std::runtime_error);
  ++it;
  EXPECT_EQ(it, results.end());
}

TEST(MapRange, moves_and_is_not_copied) {
  using Range = MapRange<int>;
  static_assert(std::is_nothrow_move_constructible_v<Range>);
  static_assert(!std::is_copy_constructible_v<Range>);
}

TEST(List, copies_the_elements_of_a_named_range_and_moves_those_of_a_temporary) {
  std::vector<std::string> words{"a", "b"};
  EXPECT_EQ(list(words), words);
  std::vector<std::unique_ptr<int>> boxes;
  boxes.push_back(std::make_unique<int>(3));
  const auto moved = list(std::move(boxes));
  EXPECT_EQ(*moved.at(0), 3);
}

TEST(List, collects_move_only_results) {
  InlineExecutor pool;
  const auto boxes = list(pool.map([](int n) { return std::make_unique<int>(n); }, Ints{1, 2}));
  EXPECT_EQ(*boxes.at(1), 2);
}

TEST(List, collects_any_range) {
  EXPECT_EQ(list(std::views::iota(1, 4)), (Ints{1, 2, 3}));
  EXPECT_TRUE(list(std::views::empty<int>).empty());
}

}  // namespace
}  // namespace coeval
