// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_for.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace coeval {
namespace {

class ParallelForTest : public testing::TestWithParam<const char*> {
 protected:
  AnyExecutor pool_ = make_executor(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Executors, ParallelForTest,
                         testing::Values("inline", "threads:1", "threads:2", "threads:4"));

bool all_are(const std::vector<std::atomic<int>>& counts, int expected) {
  return std::ranges::all_of(counts, [=](const auto& count) { return count == expected; });
}

TEST_P(ParallelForTest, each_index_has_its_call_for_each_size_and_grain) {
  for (const std::size_t size : {0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 1000, 4097, 50'000}) {
    for (const std::size_t grain : {0, 0, 1, 2, 7, 64, 1000, 1'000'000}) {
      std::vector<std::atomic<int>> calls(size);
      parallel_for(pool_, {.grain = grain}, std::size_t{0}, size,
                   [&](std::size_t i) { calls.at(i).fetch_add(1); });
      ASSERT_TRUE(all_are(calls, 1)) << size << " by " << grain;
    }
  }
}

TEST_P(ParallelForTest, each_element_has_its_call_for_each_size_and_grain) {
  for (const std::size_t size : {0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 1000, 4097, 50'000}) {
    for (const std::size_t grain : {0, 0, 1, 2, 7, 64, 1000, 1'000'000}) {
      std::vector<std::atomic<int>> elements(size);
      parallel_for(pool_, {.grain = grain}, elements, [](std::atomic<int>& e) { e.fetch_add(1); });
      ASSERT_TRUE(all_are(elements, 1)) << size << " by " << grain;
    }
  }
}

TEST_P(ParallelForTest, a_piece_has_as_many_elements_as_the_grain) {
  struct Pieces final : detail::LoopBody {
    void run(const detail::LoopPart& part) const override {
      const std::uint64_t size = part.end - part.begin;
      EXPECT_EQ(part.begin % 10, 0U);
      EXPECT_TRUE(size == 10 || (size == 3 && part.end == 1003)) << size;
      total.fetch_add(size);
    }
    mutable std::atomic<std::uint64_t> total = 0;
  } pieces;
  const ParallelOptions options{.grain = 10};
  detail::LoopCost cost;
  detail::ParallelCall call("test", *pool_.backend(), options, cost);
  detail::run_loop(call, pieces, 1003, nullptr);
  EXPECT_EQ(pieces.total, 1003U);
}

TEST_P(ParallelForTest, as_many_iterations_as_there_are_numbers_are_cut_without_overflow) {
  struct Sum final : detail::LoopBody {
    void run(const detail::LoopPart& part) const override {
      total.fetch_add(part.end - part.begin);
    }
    mutable std::atomic<std::uint64_t> total = 0;
  } sum;
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const ParallelOptions options{.grain = std::size_t{1} << 56};
  detail::LoopCost cost;
  detail::ParallelCall call("test", *pool_.backend(), options, cost);
  detail::run_loop(call, sum, most, nullptr);
  EXPECT_EQ(sum.total, most);
}

TEST_P(ParallelForTest, an_interval_may_begin_below_zero) {
  std::atomic<int> sum = 0;
  parallel_for(pool_, {.grain = 1}, -10, 5, [&](int i) { sum += i; });
  EXPECT_EQ(sum, -45);
}

TEST_P(ParallelForTest, an_interval_that_ends_before_it_begins_is_empty) {
  parallel_for(pool_, 5, -5, [](int) { FAIL(); });
  parallel_for(pool_, 7U, 3U, [](unsigned) { FAIL(); });
}

TEST_P(ParallelForTest, an_interval_may_reach_to_the_ends_of_its_type) {
  std::array<std::atomic<int>, 255> calls{};
  parallel_for(pool_, {.grain = 3}, std::int8_t{-128}, std::int8_t{127},
               [&](std::int8_t i) { calls.at(static_cast<std::size_t>(i + 128)).fetch_add(1); });
  EXPECT_TRUE(std::ranges::all_of(calls, [](const auto& count) { return count == 1; }));

  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  std::atomic<int> high = 0;
  parallel_for(pool_, {.grain = 2}, most - 9, most, [&](std::int64_t i) { high += i > 0; });
  EXPECT_EQ(high, 9);
  parallel_for(pool_, std::numeric_limits<std::uint64_t>::max() - 3,
               std::numeric_limits<std::uint64_t>::max(), [&](std::uint64_t) { ++high; });
  EXPECT_EQ(high, 12);
}

TEST_P(ParallelForTest, the_ends_of_an_interval_may_differ_in_type) {
  const std::vector<int> elements(10, 2);
  std::atomic<int> sum = 0;
  parallel_for(pool_, 0, elements.size(), [&](std::size_t i) { sum += elements.at(i); });
  EXPECT_EQ(sum, 20);
  EXPECT_THROW(parallel_for(pool_, -1, elements.size(), [](std::size_t) {}), ValueError);
}

TEST_P(ParallelForTest, any_range_with_random_access_will_do) {
  std::atomic<int> sum = 0;
  const auto add = [&](int i) { sum += i; };
  parallel_for(pool_, std::deque<int>{1, 2, 3}, add);
  parallel_for(pool_, std::views::iota(10, 13), add);
  int array[] = {100, 200, 300};
  parallel_for(pool_, array, add);
  parallel_for(pool_, std::span(array).first(1) | std::views::transform([](int i) { return -i; }),
               add);
  parallel_for(pool_, std::vector<bool>{true, false, true}, [&](bool b) { sum += b ? 1000 : 0; });
  EXPECT_EQ(sum, 6 + 33 + 600 - 100 + 2000);
}

struct Account {
  void close() { open = false; }
  bool open = true;
};

void close(Account& account) {
  account.close();
}

TEST_P(ParallelForTest, functions_and_member_functions_will_do) {
  std::vector<Account> accounts(100);
  parallel_for(pool_, std::span(accounts).first(50), &Account::close);
  parallel_for(pool_, std::span(accounts).last(50), close);
  EXPECT_TRUE(std::ranges::none_of(accounts, &Account::open));
}

TEST_P(ParallelForTest, the_function_is_not_copied) {
  struct OnlyOne {
    OnlyOne() = default;
    OnlyOne(const OnlyOne&) = delete;
    OnlyOne& operator=(const OnlyOne&) = delete;
    ~OnlyOne() = default;
    void operator()(int i) const { sum += i; }
    mutable std::atomic<int> sum = 0;
  };
  const OnlyOne function;
  parallel_for(pool_, {.grain = 1}, 0, 10, function);
  EXPECT_EQ(function.sum, 45);
}

TEST_P(ParallelForTest, loops_in_loops) {
  std::atomic<int> calls = 0;
  parallel_for(pool_, {.grain = 1}, 0, 8, [&](int) {
    parallel_for(pool_, {.grain = 2}, 0, 8,
                 [&](int) { parallel_for(pool_, 0, 8, [&](int) { ++calls; }); });
  });
  EXPECT_EQ(calls, 512);
}

TEST_P(ParallelForTest, a_loop_in_a_task_of_the_same_executor) {
  std::atomic<int> calls = 0;
  std::vector<Future<void>> tasks;
  for (int task = 0; task < 10; ++task) {
    tasks.push_back(pool_.submit(
        [&] { parallel_for(pool_, {.grain = 3}, 0, 100, [&](int) { calls.fetch_add(1); }); }));
  }
  for (const Future<void>& task : tasks) {
    task.result();
  }
  EXPECT_EQ(calls, 1000);
}

TEST_P(ParallelForTest, a_task_in_a_loop_of_the_same_executor) {
  std::atomic<int> sum = 0;
  parallel_for(pool_, {.grain = 1}, 0, 50,
               [&](int i) { sum += pool_.submit([i] { return i; }).result(); });
  EXPECT_EQ(sum, 49 * 25);
}

TEST_P(ParallelForTest, many_threads_have_their_loops_at_once) {
  std::atomic<int> calls = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int loop = 0; loop < 50; ++loop) {
          parallel_for(pool_, {.grain = 5}, 0, 100, [&](int) { calls.fetch_add(1); });
        }
      });
    }
  }
  EXPECT_EQ(calls, 4 * 50 * 100);
}

TEST(ParallelForOnInlineExecutorTest, stays_in_the_calling_thread_and_in_order) {
  InlineExecutor here;
  std::vector<int> order;
  parallel_for(here, {.grain = 3}, 0, 100, [&](int i) { order.push_back(i); });
  EXPECT_TRUE(std::ranges::equal(order, std::views::iota(0, 100)));
}

// Two iterations that wait for each other: they end only if two threads are in the loop.
class Meeting {
 public:
  void attend() {
    present_.fetch_add(1);
    support::until([this] { return present_ >= 2; });
  }

 private:
  std::atomic<int> present_ = 0;
};

class ParallelForOnThreadsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (usable_cpu_count() < 2) {
      GTEST_SKIP() << "with one processor no loop is forked";
    }
  }
  ThreadPoolExecutor pool_{{.max_workers = 2}};
};

TEST_F(ParallelForOnThreadsTest, a_few_iterations_of_unknown_cost_run_at_once) {
  Meeting meeting;
  const auto attend = [&](int) { meeting.attend(); };
  const detail::IndexLoop<int, decltype(attend)> loop(0, attend);
  const ParallelOptions options;
  detail::LoopCost unknown;
  detail::ParallelCall call("test", *pool_.backend(), options, unknown);
  detail::run_loop(call, loop, 2, nullptr);
  EXPECT_GT(unknown.ns(), 0);
}

TEST_F(ParallelForOnThreadsTest, with_a_grain_of_1_each_iteration_may_run_on_its_own) {
  for (int round = 0; round < 100; ++round) {
    Meeting meeting;
    parallel_for(pool_, {.grain = 1}, 0, 2, [&](int) { meeting.attend(); });
  }
}

TEST_F(ParallelForOnThreadsTest, many_iterations_that_turn_out_long_are_shared) {
  Meeting meeting;
  parallel_for(pool_, 0, 1000, [&](int i) {
    if (i < 200) {
      const auto begin = std::chrono::steady_clock::now();
      support::until(
          [&] { return std::chrono::steady_clock::now() - begin > std::chrono::microseconds(50); });
    }
    if (i == 300 || i == 999) {
      meeting.attend();
    }
  });
}

TEST_F(ParallelForOnThreadsTest, a_function_that_was_fast_and_gets_slow_is_noticed) {
  bool slow = false;
  Meeting meeting;
  const auto body = [&](int i) {
    if (slow && i < 8) {
      const auto begin = std::chrono::steady_clock::now();
      support::until(
          [&] { return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1); });
    }
    if (slow && (i == 20 || i == 63)) {
      meeting.attend();
    }
  };
  for (int round = 0; round < 1000; ++round) {
    parallel_for(pool_, 0, 1000, body);
  }
  slow = true;
  parallel_for(pool_, 0, 64, body);
}

}  // namespace
}  // namespace coeval
