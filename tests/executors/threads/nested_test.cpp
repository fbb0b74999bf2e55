// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Tasks that submit to their own pool and wait for the result.

#include <coeval/executors/thread_pool_executor.hpp>

#include "executors/threads/pool_support.hpp"
#include "support/sanitizers.hpp"

#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/wait.hpp>
#include <coeval/futures/when_all.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;
using Ints = std::vector<int>;

// Submits itself depth times, each time waiting for the result.
int nest(ThreadPoolExecutor& pool, int depth) {
  return depth == 0 ? 0 : 1 + pool.submit(nest, std::ref(pool), depth - 1).result();
}

int fibonacci(ThreadPoolExecutor& pool, int n) {
  if (n < 2) {
    return n;
  }
  const auto a = pool.submit(fibonacci, std::ref(pool), n - 1);
  const auto b = pool.submit(fibonacci, std::ref(pool), n - 2);
  return a.result() + b.result();
}

class NestedTest : public testing::TestWithParam<int> {
 protected:
  ThreadPoolExecutor pool_{{.max_workers = GetParam()}};
};

INSTANTIATE_TEST_SUITE_P(Workers, NestedTest, testing::Values(1, 2, 4));

TEST_P(NestedTest, submit_and_result_at_depth_1) {
  EXPECT_EQ(pool_.submit(nest, std::ref(pool_), 1).result(), 1);
}

TEST_P(NestedTest, submit_and_result_at_depth_10) {
  EXPECT_EQ(pool_.submit(nest, std::ref(pool_), 10).result(), 10);
}

TEST_P(NestedTest, submit_and_result_at_depth_1000) {
  EXPECT_EQ(pool_.submit(nest, std::ref(pool_), 1000).result(), 1000);
}

TEST_P(NestedTest, submit_and_result_at_depth_20000) {
  if (support::under_thread_sanitizer) {
    GTEST_SKIP() << "a stack takes 1000 tasks there, and each theft costs one of 256 more stacks";
  }
  EXPECT_EQ(pool_.submit(nest, std::ref(pool_), 20'000).result(), 20'000);
  pool_.shutdown();
  EXPECT_EQ(pool_.stats().completed, 20'001U);
}

TEST_P(NestedTest, a_tree_of_tasks) {
  EXPECT_EQ(fibonacci(pool_, 15), 610);
}

TEST_P(NestedTest, several_trees_at_once) {
  std::vector<Future<int>> trees;
  for (int i = 0; i < 4; ++i) {
    trees.push_back(pool_.submit(fibonacci, std::ref(pool_), 10));
  }
  for (const Future<int>& tree : trees) {
    EXPECT_EQ(tree.result(), 55);
  }
}

TEST_P(NestedTest, children_are_awaited_in_any_order) {
  const auto parent = pool_.submit([this] {
    std::vector<Future<int>> children;
    for (int i = 0; i < 20; ++i) {
      children.push_back(pool_.submit([i] { return i; }));
    }
    int sum = children[7].result() + children[19].result();
    for (const Future<int>& child : children) {
      sum += child.result();
    }
    return sum;
  });
  EXPECT_EQ(parent.result(), 190 + 26);
}

TEST_P(NestedTest, wait_for_children) {
  const auto parent = pool_.submit([this] {
    std::vector<Future<int>> children;
    for (int i = 0; i < 20; ++i) {
      children.push_back(pool_.submit([i] { return i; }));
    }
    const auto first = wait(children, ReturnWhen::first_completed);
    return std::pair(first.done.size() >= 1, wait(children).done.size());
  });
  EXPECT_EQ(parent.result(), std::pair(true, std::size_t{20}));
}

TEST_P(NestedTest, children_as_completed) {
  const auto parent = pool_.submit([this] {
    std::vector<Future<int>> children;
    for (int i = 0; i < 20; ++i) {
      children.push_back(pool_.submit([i] { return i; }));
    }
    int sum = 0;
    for (const Future<int>& child : as_completed(children)) {
      sum += child.result();
    }
    return sum;
  });
  EXPECT_EQ(parent.result(), 190);
}

TEST_P(NestedTest, map_in_map) {
  const auto row = [this](int n) {
    const auto cells = list(pool_.map([n](int m) { return n * m; }, Ints{1, 2, 3}));
    return std::accumulate(cells.begin(), cells.end(), 0);
  };
  EXPECT_EQ(list(pool_.map(row, Ints{1, 10, 100})), (Ints{6, 60, 600}));
}

TEST_P(NestedTest, when_all_and_then_of_children) {
  const auto parent = pool_.submit([this] {
    const auto sum = when_all(pool_.submit([] { return 1; }), pool_.submit([] {
                       return 2;
                     })).then(pool_, [](const std::tuple<int, int>& both) {
      return std::get<0>(both) + std::get<1>(both);
    });
    return sum.result();
  });
  EXPECT_EQ(parent.result(), 3);
}

TEST_P(NestedTest, a_childs_exception_reaches_its_parent) {
  const auto parent = pool_.submit([this] {
    try {
      pool_.submit([] { throw std::runtime_error("child"); }).result();
    } catch (const std::runtime_error&) {
      return 1;
    }
    return 0;
  });
  EXPECT_EQ(parent.result(), 1);
}

TEST_P(NestedTest, a_child_may_be_cancelled_or_left_alone) {
  std::atomic<int> runs = 0;
  const auto parent = pool_.submit([&] {
    const auto cancelled = pool_.submit([&runs] { ++runs; });
    pool_.submit([&runs] { ++runs; });
    return cancelled.cancel();
  });
  const bool cancelled = parent.result();
  pool_.shutdown();
  EXPECT_EQ(runs, cancelled ? 1 : 2);
}

TEST_P(NestedTest, with_a_deadline_another_thread_runs_the_child) {
  const auto parent = pool_.submit([this] {
    const auto child = pool_.submit([] { return std::this_thread::get_id(); });
    return child.result(1h) != std::this_thread::get_id();
  });
  EXPECT_TRUE(parent.result());
}

TEST_P(NestedTest, a_priority_does_not_matter_to_who_waits) {
  const auto parent = pool_.submit([this] {
    return pool_.with({.priority = -5}).submit([] { return 1; }).result() +
           pool_.with({.priority = 5}).submit([] { return 2; }).result();
  });
  EXPECT_EQ(parent.result(), 3);
}

TEST_P(NestedTest, through_another_pool_and_back) {
  ThreadPoolExecutor other({.max_workers = 1});
  const std::function<int(int)> bounce = [&](int depth) -> int {
    ThreadPoolExecutor& next = depth % 2 == 0 ? pool_ : other;
    return depth == 0 ? 0 : 1 + next.submit(std::cref(bounce), depth - 1).result();
  };
  EXPECT_EQ(pool_.submit(std::cref(bounce), 40).result(), 40);
}

TEST_P(NestedTest, the_statistics_add_up_afterwards) {
  EXPECT_EQ(pool_.submit(fibonacci, std::ref(pool_), 10).result(), 55);
  pool_.shutdown();
  const ExecutorStats stats = pool_.stats();
  EXPECT_EQ(stats.completed, stats.submitted);
  EXPECT_EQ(stats.queued, 0U);
  EXPECT_EQ(stats.running, 0U);
  EXPECT_EQ(stats.workers, 0U);
}

TEST_P(NestedTest, the_queue_is_counted_right_when_it_is_cancelled_in_the_middle) {
  for (int round = 0; round < 100; ++round) {
    ThreadPoolExecutor pool({.max_workers = GetParam()});
    const auto tree = pool.submit(fibonacci, std::ref(pool), 12);
    pool.submit([] {}).wait();
    pool.shutdown({.cancel_futures = true});
    EXPECT_TRUE(tree.done());
    const ExecutorStats stats = pool.stats();
    ASSERT_EQ(stats.queued, 0U);
    ASSERT_EQ(stats.completed + stats.failed + stats.cancelled, stats.submitted);
  }
}

}  // namespace
}  // namespace coeval
