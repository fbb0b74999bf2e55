// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_sort.hpp>

#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <ranges>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using Numbers = std::vector<int>;

class ParallelSortTest : public testing::TestWithParam<const char*> {
 protected:
  AnyExecutor pool_ = make_executor(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Executors, ParallelSortTest,
                         testing::Values("inline", "threads:1", "threads:2", "threads:4"));

constexpr std::size_t sizes[] = {0, 1, 2, 3, 4, 5, 24, 25, 26, 100, 129, 1000, 30'000};

// Name and numbers of what sorts differ in.
std::vector<std::pair<const char*, Numbers>> patterns(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size) + 1);
  const auto n = static_cast<int>(size);
  const auto make = [&](auto f) {
    Numbers numbers(size);
    for (int i = 0; i < n; ++i) {
      numbers[static_cast<std::size_t>(i)] = f(i);
    }
    return numbers;
  };
  Numbers nearly = make([](int i) { return i; });
  for (int swap = 0; swap < 5 && n > 1; ++swap) {
    std::swap(nearly[random() % size], nearly[random() % size]);
  }
  return {{"random", make([&](int) { return static_cast<int>(random()); })},
          {"sorted", make([](int i) { return i; })},
          {"reversed", make([n](int i) { return n - i; })},
          {"reversed with equal ones", make([n](int i) { return (n - i) / 3; })},
          {"all equal", make([](int) { return 7; })},
          {"organ pipe", make([n](int i) { return std::min(i, n - i); })},
          {"valley", make([n](int i) { return std::max(i, n - i); })},
          {"two values", make([&](int) { return static_cast<int>(random() % 2); })},
          {"few values", make([&](int) { return static_cast<int>(random() % 10); })},
          {"sawtooth", make([](int i) { return i % 17; })},
          {"sorted but for the last", make([n](int i) { return i == n - 1 ? 0 : i; })},
          {"nearly sorted", nearly}};
}

TEST_P(ParallelSortTest, each_pattern_size_and_grain_is_sorted_as_by_the_standard) {
  for (const std::size_t size : sizes) {
    for (const auto& [name, numbers] : patterns(size)) {
      Numbers expected = numbers;
      std::sort(expected.begin(), expected.end());
      for (const std::size_t grain : {0, 1, 2, 30, 1000}) {
        Numbers sorted = numbers;
        parallel_sort(pool_, {.grain = grain}, sorted);
        ASSERT_EQ(sorted, expected) << name << ", " << size << " by " << grain;
      }
    }
  }
}

// Not sorted by copies, as numbers are.
TEST_P(ParallelSortTest, each_pattern_of_strings_is_sorted_as_by_the_standard) {
  for (const std::size_t size : {3, 26, 129, 3000}) {
    for (const auto& [name, numbers] : patterns(size)) {
      std::vector<std::string> words;
      for (const int number : numbers) {
        words.push_back("the number " + std::to_string(number));
      }
      std::vector<std::string> expected = words;
      std::sort(expected.begin(), expected.end());
      parallel_sort(pool_, {.grain = 30}, words);
      ASSERT_EQ(words, expected) << name << ", " << size;
    }
  }
}

struct Person {
  std::string name;
  int age;
};

TEST_P(ParallelSortTest, by_a_comparison_and_a_projection) {
  std::vector<Person> people;
  for (int i = 0; i < 1000; ++i) {
    people.push_back({"person", i * 7919 % 1000});
  }
  parallel_sort(pool_, people, std::ranges::greater(), &Person::age);
  for (std::size_t i = 0; i < people.size(); ++i) {
    ASSERT_EQ(people[i].age, 999 - static_cast<int>(i));
    ASSERT_EQ(people[i].name, "person");
  }
}

TEST_P(ParallelSortTest, elements_that_can_only_be_moved) {
  std::vector<std::unique_ptr<int>> boxes;
  for (int i = 0; i < 2000; ++i) {
    boxes.push_back(std::make_unique<int>(i * 7919 % 2000));
  }
  parallel_sort(pool_, {.grain = 40}, boxes, {}, [](const auto& box) -> int& { return *box; });
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(*boxes[static_cast<std::size_t>(i)], i);
  }
}

TEST_P(ParallelSortTest, a_part_of_a_range_or_one_without_neighbours_in_memory) {
  Numbers numbers{5, 4, 3, 2, 1};
  parallel_sort(pool_, std::span(numbers).subspan(1, 3));
  EXPECT_EQ(numbers, (Numbers{5, 2, 3, 4, 1}));

  std::deque<double> queue;
  for (int i = 0; i < 5000; ++i) {
    queue.push_back(i * 7919 % 5000);
  }
  parallel_sort(pool_, {.grain = 100}, queue);
  EXPECT_TRUE(std::ranges::is_sorted(queue));
}

TEST_P(ParallelSortTest, many_elements) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> numbers(500'000);
  std::ranges::generate(numbers, random);
  auto expected = numbers;
  std::sort(expected.begin(), expected.end());
  parallel_sort(pool_, numbers);
  EXPECT_EQ(numbers, expected);
}

TEST_P(ParallelSortTest, a_sort_in_a_task_of_the_same_executor) {
  const auto sorted = pool_.submit([this] {
    Numbers numbers(10'000);
    std::iota(numbers.rbegin(), numbers.rend(), 0);
    std::swap(numbers[3], numbers[7000]);
    parallel_sort(pool_, {.grain = 50}, numbers);
    return std::ranges::is_sorted(numbers);
  });
  EXPECT_TRUE(sorted.result());
}

// Raises at the given comparison.
template <class T>
struct RaisesAt {
  bool operator()(const T& a, const T& b) const {
    if (left->fetch_sub(1) == 0) {
      throw std::runtime_error("incomparable");
    }
    return a < b;
  }
  std::atomic<int>* left;
};

template <class T>
void expect_nothing_lost(AnyExecutor& pool, const std::vector<T>& elements) {
  std::vector<T> expected = elements;
  std::sort(expected.begin(), expected.end());
  for (int comparisons = 0;; comparisons += 1 + comparisons / 7) {
    std::vector<T> shaken = elements;
    std::atomic<int> left = comparisons;
    bool raised = false;
    try {
      parallel_sort(pool, {.grain = 50}, shaken, RaisesAt<T>{&left});
    } catch (const std::runtime_error&) {
      raised = true;
    }
    std::sort(shaken.begin(), shaken.end());
    ASSERT_EQ(shaken, expected) << "raised at comparison " << comparisons;
    if (!raised) {
      return;
    }
  }
}

TEST_P(ParallelSortTest, when_the_comparison_raises_no_element_is_lost_or_there_twice) {
  for (const auto& [name, numbers] : patterns(400)) {
    SCOPED_TRACE(name);
    expect_nothing_lost(pool_, numbers);
    std::vector<std::string> words;
    for (const int number : numbers) {
      words.push_back("the number " + std::to_string(number));
    }
    expect_nothing_lost(pool_, words);
  }
}

TEST_P(ParallelSortTest, after_a_stop_no_element_is_lost_or_there_twice) {
  Numbers numbers = patterns(20'000).front().second;
  Numbers expected = numbers;
  std::sort(expected.begin(), expected.end());
  std::stop_source stop;
  std::atomic<int> comparisons = 0;
  const auto less = [&](int a, int b) {
    if (++comparisons == 30'000) {
      stop.request_stop();
    }
    return a < b;
  };
  EXPECT_THROW(parallel_sort(pool_, {.grain = 10, .stop = stop.get_token()}, numbers, less),
               CancelledError);
  EXPECT_FALSE(std::ranges::is_sorted(numbers));
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(numbers, expected);
}

// After McIlroy, "A Killer Adversary for Quicksort" (1999): decides what the elements are only when
// they are compared, so that each pivot turns out to be a bad one.
class Adversary {
 public:
  explicit Adversary(int size) : values_(static_cast<std::size_t>(size), size) {
    for (const int first : {1, 0, 2}) {  // decided, so that it is not sorted by luck
      values_[static_cast<std::size_t>(decided_++)] = first;
    }
  }

  bool less(int a, int b) {
    ++comparisons;
    if (value(a) == undecided() && value(b) == undecided()) {
      value(a == candidate_ ? a : b) = decided_++;
    }
    if (value(a) == undecided()) {
      candidate_ = a;
    } else if (value(b) == undecided()) {
      candidate_ = b;
    }
    return value(a) < value(b);
  }

  std::int64_t comparisons = 0;

 private:
  int undecided() const { return static_cast<int>(values_.size()); }
  int& value(int element) { return values_[static_cast<std::size_t>(element)]; }

  std::vector<int> values_;
  int decided_ = 0;
  int candidate_ = 0;
};

TEST(ParallelSortWorstCaseTest, is_of_the_order_of_n_log_n) {
  constexpr int size = 20'000;
  InlineExecutor here;
  for (const std::size_t grain : {0, 100}) {
    Adversary adversary(size);
    Numbers numbers(size);
    std::iota(numbers.begin(), numbers.end(), 0);
    parallel_sort(here, {.grain = grain}, numbers,
                  [&](int a, int b) { return adversary.less(a, b); });
    EXPECT_LT(adversary.comparisons, 6 * size * std::bit_width(std::size_t{size}));
  }
}

TEST(ParallelSortWorstCaseTest, few_different_values_take_a_few_comparisons_each) {
  constexpr int size = 20'000;
  InlineExecutor here;
  std::int64_t comparisons = 0;
  Numbers numbers(size);
  for (int i = 0; i < size; ++i) {
    numbers[static_cast<std::size_t>(i)] = i * 7919 % size % 2;
  }
  parallel_sort(here, numbers, [&](int a, int b) {
    ++comparisons;
    return a < b;
  });
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
  EXPECT_LT(comparisons, 6 * size);
}

}  // namespace
}  // namespace coeval
