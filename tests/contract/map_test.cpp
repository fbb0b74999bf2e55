// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <cstddef>
#include <limits>
#include <memory>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace coeval::contract {
namespace {

template <class Case>
class MapTest : public ExecutorTest<Case> {};

using Ints = std::vector<int>;

std::string label(const std::string& text, int number, bool loud) {
  return text + std::to_string(number) + (loud ? "!" : "");
}
std::unique_ptr<int> twice_boxed(std::unique_ptr<int> n) {
  return std::make_unique<int>(2 * *n);
}
std::size_t length(const std::string& text) {
  return text.size();
}

struct Item {
  int price = 0;
  int doubled() const { return 2 * price; }
};

CONTRACT_TEST(MapTest, yields_the_results_in_the_order_of_the_inputs) {
  const Ints inputs{5, 1, 4, 2, 3};
  Ints results;
  for (const int result : this->pool_.map(square, inputs)) {
    results.push_back(result);
  }
  EXPECT_EQ(results, (Ints{25, 1, 16, 4, 9}));
}

CONTRACT_TEST(MapTest, list_collects_the_results) {
  EXPECT_EQ(list(this->pool_.map(square, Ints{1, 2, 3})), (Ints{1, 4, 9}));
  auto squares = this->pool_.map(square, Ints{1, 2, 3});
  EXPECT_EQ(list(squares), (Ints{1, 4, 9}));
}

CONTRACT_TEST(MapTest, of_an_empty_range_is_empty) {
  const Ints none;
  EXPECT_EQ(list(this->pool_.map(square, none)), none);
  EXPECT_EQ(list(this->pool_.map(add, Ints{1, 2}, none)), none);
  EXPECT_EQ(this->pool_.stats().submitted, 0U);
}

CONTRACT_TEST(MapTest, ends_with_the_shortest_range) {
  EXPECT_EQ(list(this->pool_.map(add, Ints{1, 2, 3}, Ints{10, 20})), (Ints{11, 22}));
  EXPECT_EQ(list(this->pool_.map(add, Ints{1}, std::views::iota(10))), (Ints{11}));
}

CONTRACT_TEST(MapTest, takes_ranges_of_several_types) {
  const std::vector<std::string> texts{"a", "b"};
  const std::vector<bool> loud{true, false};
  EXPECT_EQ(list(this->pool_.map(label, texts, std::views::iota(1), loud)),
            (std::vector<std::string>{"a1!", "b2"}));
}

CONTRACT_TEST(MapTest, takes_any_input_range) {
  std::istringstream stream("1 2 3");
  EXPECT_EQ(list(this->pool_.map(square, std::views::istream<int>(stream))), (Ints{1, 4, 9}));
  auto odd = std::views::iota(0, 6) | std::views::filter([](int n) { return n % 2 == 1; });
  EXPECT_EQ(list(this->pool_.map(square, odd)), (Ints{1, 9, 25}));
  const int plain[] = {2, 3};
  EXPECT_EQ(list(this->pool_.map(square, plain)), (Ints{4, 9}));
}

CONTRACT_TEST(MapTest, leaves_the_elements_of_a_range_of_the_caller_alone) {
  std::vector<std::string> words{"one", "three"};
  EXPECT_EQ(list(this->pool_.map(length, words)), (std::vector<std::size_t>{3, 5}));
  EXPECT_EQ(words, (std::vector<std::string>{"one", "three"}));
}

CONTRACT_TEST(MapTest, moves_the_elements_of_a_range_that_it_owns) {
  std::vector<std::unique_ptr<int>> boxes;
  boxes.push_back(std::make_unique<int>(1));
  boxes.push_back(std::make_unique<int>(2));
  Ints results;
  for (std::unique_ptr<int>& box : this->pool_.map(twice_boxed, std::move(boxes))) {
    results.push_back(*std::move(box));
  }
  EXPECT_EQ(results, (Ints{2, 4}));
}

CONTRACT_TEST(MapTest, calls_members_of_the_elements) {
  EXPECT_EQ(list(this->pool_.map(&Item::doubled, std::vector<Item>{{1}, {2}})), (Ints{2, 4}));
  EXPECT_EQ(list(this->pool_.map(&Item::price, std::vector<Item>{{1}, {2}})), (Ints{1, 2}));
}

CONTRACT_TEST(MapTest, a_function_without_result_yields_an_empty_value_for_each_input) {
  std::size_t count = 0;
  for (const std::monostate& done : this->pool_.map([](int) {}, Ints{1, 2, 3})) {
    static_cast<void>(done);
    ++count;
  }
  EXPECT_EQ(count, 3U);
}

CONTRACT_TEST(MapTest, the_results_may_be_moved_out) {
  auto greetings = this->pool_.map(greet, std::vector<std::string>{"a", "b"});
  std::vector<std::string> taken;
  for (std::string& greeting : greetings) {
    taken.push_back(std::move(greeting));
  }
  EXPECT_EQ(taken, (std::vector<std::string>{"hello a", "hello b"}));
}

CONTRACT_TEST(MapTest, is_an_input_range_of_the_standard) {
  auto squares = this->pool_.map(square, Ints{1, 2});
  static_assert(std::ranges::input_range<decltype(squares)>);
  static_assert(std::is_same_v<std::ranges::range_value_t<decltype(squares)>, int>);
  auto next = squares | std::views::transform([](int n) { return n + 1; });
  EXPECT_EQ(list(next), (Ints{2, 5}));
}

CONTRACT_TEST(MapTest, a_temporary_one_goes_into_a_pipe) {
  // What pool.map(f, xs) | std::views::transform(g) asks of it.
  EXPECT_TRUE((std::ranges::viewable_range<decltype(this->pool_.map(square, Ints{1}))>));
}

CONTRACT_TEST(MapTest, goes_through_many_inputs) {
  long sum = 0;
  for (const int result : this->pool_.map(raise_if_negative, std::views::iota(0, 10'000))) {
    sum += result;
  }
  EXPECT_EQ(sum, 49'995'000);
}

CONTRACT_TEST(MapTest, an_exception_surfaces_at_its_position_and_the_loop_may_go_on) {
  auto results = this->pool_.map(raise_if_negative, Ints{1, -2, 3, -4, 5});
  Ints good;
  Ints bad;
  int position = 0;
  for (auto it = results.begin(); it != results.end(); ++it, ++position) {
    try {
      good.push_back(*it);
    } catch (const std::invalid_argument&) {
      bad.push_back(position);
    }
  }
  EXPECT_EQ(good, (Ints{1, 3, 5}));
  EXPECT_EQ(bad, (Ints{1, 3}));
}

CONTRACT_TEST(MapTest, an_exception_ends_a_loop_that_does_not_catch_it) {
  Ints seen;
  EXPECT_THROW(
      {
        for (const int result : this->pool_.map(raise_if_negative, Ints{1, 2, -3, 4})) {
          seen.push_back(result);
        }
      },
      std::invalid_argument);
  EXPECT_EQ(seen, (Ints{1, 2}));
  EXPECT_THROW(list(this->pool_.map(raise_if_negative, Ints{-1})), std::invalid_argument);
}

CONTRACT_TEST(MapTest, an_exception_may_be_read_again) {
  auto results = this->pool_.map(raise_if_negative, Ints{-1, 2});
  auto it = results.begin();
  EXPECT_THROW(*it, std::invalid_argument);
  EXPECT_THROW(*it, std::invalid_argument);
  ++it;
  EXPECT_EQ(*it, 2);
}

CONTRACT_TEST(MapTest, an_exception_of_the_inputs_comes_after_the_results_before_it) {
  const auto inputs = std::views::iota(0) | std::views::transform([](int n) {
                        return n < 3 ? n : throw std::out_of_range("input");
                      });
  Ints seen;
  EXPECT_THROW(
      {
        for (const int result : this->pool_.map(square, inputs)) {
          seen.push_back(result);
        }
      },
      std::out_of_range);
  EXPECT_EQ(seen, (Ints{0, 1, 4}));
}

CONTRACT_TEST(MapTest, with_options_of_tasks_maps_too) {
  EXPECT_EQ(list(this->pool_.with({.name = "squares"}).map(square, Ints{1, 2})), (Ints{1, 4}));
  EXPECT_EQ(list(this->pool_.with({.name = "squares"}).map({.buffersize = 1}, square, Ints{1, 2})),
            (Ints{1, 4}));
}

CONTRACT_TEST(MapTest, any_chunksize_gives_the_same_results) {
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  for (const std::size_t chunksize :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{100}, all / 4 + 1, all}) {
    EXPECT_EQ(list(this->pool_.map({.chunksize = chunksize}, square, Ints{1, 2, 3, 4, 5})),
              (Ints{1, 4, 9, 16, 25}));
  }
}

CONTRACT_TEST(MapTest, a_chunksize_of_zero_raises_value_error) {
  EXPECT_THROW(this->pool_.map({.chunksize = 0}, square, Ints{1}), ValueError);
  EXPECT_EQ(this->pool_.stats().submitted, 0U);
}

CONTRACT_TEST(MapTest, may_feed_another) {
  auto squares = this->pool_.map(square, Ints{1, 2, 3});
  EXPECT_EQ(list(this->pool_.map(square, squares)), (Ints{1, 16, 81}));
}

}  // namespace
}  // namespace coeval::contract
