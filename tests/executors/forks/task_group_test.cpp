// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/task_group.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coeval {
namespace {

class TaskGroupTest : public testing::TestWithParam<const char*> {
 protected:
  AnyExecutor pool_ = make_executor(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Executors, TaskGroupTest,
                         testing::Values("inline", "threads:1", "threads:2", "threads:4"));

TEST_P(TaskGroupTest, wait_returns_when_each_child_has_run_once) {
  for (const std::size_t size : {0, 1, 2, 3, 10, 1000}) {
    std::vector<std::atomic<int>> runs(size);
    TaskGroup group(pool_);
    for (std::atomic<int>& run : runs) {
      group.run([&run] { run.fetch_add(1); });
    }
    group.wait();
    for (const std::atomic<int>& run : runs) {
      ASSERT_EQ(run, 1);
    }
  }
}

TEST_P(TaskGroupTest, a_group_is_used_again_after_wait) {
  std::atomic<int> runs = 0;
  TaskGroup group(pool_);
  for (int round = 1; round <= 100; ++round) {
    group.run([&] { ++runs; });
    group.run([&] { ++runs; });
    group.wait();
    ASSERT_EQ(runs, 2 * round);
    group.wait();
  }
}

TEST_P(TaskGroupTest, the_destructor_waits) {
  std::atomic<int> runs = 0;
  {
    TaskGroup group(pool_);
    for (int i = 0; i < 100; ++i) {
      group.run([&] { ++runs; });
    }
  }
  EXPECT_EQ(runs, 100);
}

TEST_P(TaskGroupTest, a_million_children) {
  std::atomic<int> runs = 0;
  TaskGroup group(pool_);
  for (int i = 0; i < 1'000'000; ++i) {
    group.run([&runs] { runs.fetch_add(1, std::memory_order_relaxed); });
  }
  group.wait();
  EXPECT_EQ(runs, 1'000'000);
}

int fibonacci(AnyExecutor& pool, int n) {
  if (n < 2) {
    return n;
  }
  int a = 0;
  int b = 0;
  TaskGroup group(pool);
  group.run([&] { a = fibonacci(pool, n - 1); });
  group.run([&] { b = fibonacci(pool, n - 2); });
  group.wait();
  return a + b;
}

TEST_P(TaskGroupTest, a_tree_of_groups_from_outside) {
  EXPECT_EQ(fibonacci(pool_, 18), 2584);
}

TEST_P(TaskGroupTest, a_tree_of_groups_in_a_task) {
  EXPECT_EQ(pool_.submit(fibonacci, std::ref(pool_), 18).result(), 2584);
}

TEST_P(TaskGroupTest, several_trees_from_several_threads) {
  std::array<int, 4> results{};
  {
    std::vector<std::jthread> threads;
    for (int& result : results) {
      threads.emplace_back([&] { result = fibonacci(pool_, 15); });
    }
  }
  EXPECT_EQ(results, (std::array<int, 4>{610, 610, 610, 610}));
}

// Each child has a group with one child.
int nest(AnyExecutor& pool, int depth) {
  int below = 0;
  if (depth > 0) {
    TaskGroup group(pool);
    group.run([&] { below = 1 + nest(pool, depth - 1); });
    group.wait();
  }
  return below;
}

TEST_P(TaskGroupTest, a_deep_chain_of_groups) {
  EXPECT_EQ(nest(pool_, 500), 500);
}

TEST_P(TaskGroupTest, two_groups_in_one_function) {
  std::atomic<int> odd = 0;
  std::atomic<int> even = 0;
  TaskGroup first(pool_);
  TaskGroup second(pool_);
  for (int i = 0; i < 100; ++i) {
    first.run([&] { ++odd; });
    second.run([&] { ++even; });
  }
  first.wait();
  EXPECT_EQ(odd, 100);
  second.wait();
  EXPECT_EQ(even, 100);
}

TEST_P(TaskGroupTest, a_child_may_submit_to_the_same_executor_and_wait) {
  std::atomic<int> sum = 0;
  TaskGroup group(pool_);
  for (int i = 0; i < 50; ++i) {
    group.run([&, i] { sum += pool_.submit([i] { return i; }).result(); });
  }
  group.wait();
  EXPECT_EQ(sum, 49 * 25);
}

TEST_P(TaskGroupTest, groups_of_two_executors_one_in_the_other) {
  AnyExecutor other = make_executor("threads:1");
  std::atomic<int> runs = 0;
  TaskGroup outer(pool_);
  for (int i = 0; i < 10; ++i) {
    outer.run([&] {
      TaskGroup middle(other);
      middle.run([&] {
        TaskGroup inner(pool_);
        inner.run([&] { ++runs; });
        inner.run([&] { ++runs; });
        inner.wait();
      });
      middle.wait();
    });
  }
  outer.wait();
  EXPECT_EQ(runs, 20);
}

TEST_P(TaskGroupTest, children_of_any_size_and_that_can_only_be_moved) {
  struct Large {
    std::array<int, 500> numbers{};
  };
  std::atomic<int> sum = 0;
  {
    TaskGroup group(pool_);
    for (int i = 0; i < 20; ++i) {
      Large large;
      large.numbers.back() = i;
      group.run([&sum, large] { sum += large.numbers.back(); });
      group.run([&sum, box = std::make_unique<int>(i)] { sum += *box; });
    }
    group.wait();
  }
  EXPECT_EQ(sum, 380);
}

TEST_P(TaskGroupTest, what_a_child_holds_is_gone_after_wait) {
  const auto shared = std::make_shared<int>(1);
  TaskGroup group(pool_);
  for (int i = 0; i < 100; ++i) {
    group.run([shared] {});
  }
  group.wait();
  EXPECT_EQ(shared.use_count(), 1);
  group.cancel();
  group.run([shared] {});
  group.wait();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST_P(TaskGroupTest, a_child_that_cannot_be_copied_in_is_not_in_the_group) {
  struct ThrowsOnCopy {
    ThrowsOnCopy() = default;
    ThrowsOnCopy(const ThrowsOnCopy&) { throw std::runtime_error("copy"); }
    void operator()() const { FAIL(); }
  };
  const ThrowsOnCopy child;
  TaskGroup group(pool_);
  EXPECT_THROW(group.run(child), std::runtime_error);
  group.wait();
}

TEST_P(TaskGroupTest, wait_raises_what_a_child_raised_in_an_ExceptionGroup) {
  TaskGroup group(pool_);
  group.run([] { throw std::out_of_range("far"); });
  try {
    group.wait();
    FAIL() << "nothing was raised";
  } catch (const ExceptionGroup& errors) {
    ASSERT_EQ(errors.exceptions().size(), 1U);
    EXPECT_THROW(std::rethrow_exception(errors.exceptions().front()), std::out_of_range);
  }
  group.wait();  // raised once
}

TEST_P(TaskGroupTest, children_that_all_raise) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<std::size_t> raised = 0;
    TaskGroup group(pool_);
    for (int i = 0; i < 100; ++i) {
      group.run([&raised, i] {
        ++raised;
        throw i;
      });
    }
    try {
      group.wait();
      FAIL() << "nothing was raised";
    } catch (const ExceptionGroup& errors) {
      ASSERT_EQ(errors.exceptions().size(), raised);
      ASSERT_GE(raised, 1U);
    }
  }
}

TEST_P(TaskGroupTest, the_first_exception_cancels_the_group) {
  TaskGroup group(pool_);
  group.run([] { throw std::runtime_error("first"); });
  EXPECT_THROW(group.wait(), ExceptionGroup);
  EXPECT_TRUE(group.cancelled());
  group.run([] { FAIL() << "a child of a cancelled group has run"; });
  group.wait();
}

TEST_P(TaskGroupTest, an_exception_passes_from_group_to_group) {
  const auto raise = [this] {
    TaskGroup inner(pool_);
    inner.run([] { throw std::domain_error("inner"); });
    inner.wait();
  };
  TaskGroup outer(pool_);
  outer.run(raise);
  try {
    outer.wait();
    FAIL() << "nothing was raised";
  } catch (const ExceptionGroup& errors) {
    EXPECT_THROW(std::rethrow_exception(errors.exceptions().front()), ExceptionGroup);
  }
}

TEST_P(TaskGroupTest, in_a_cancelled_group_nothing_is_run) {
  TaskGroup group(pool_);
  EXPECT_FALSE(group.cancelled());
  group.cancel();
  EXPECT_TRUE(group.cancelled());
  for (int i = 0; i < 10; ++i) {
    group.run([] { FAIL(); });
  }
  group.wait();
}

TEST_P(TaskGroupTest, cancel_of_a_group_leaves_the_group_around_it_alone) {
  std::atomic<int> runs = 0;
  TaskGroup outer(pool_);
  TaskGroup inner(pool_);
  inner.cancel();
  outer.run([&] { ++runs; });
  inner.run([&] { ++runs; });
  inner.wait();
  outer.wait();
  EXPECT_EQ(runs, 1);
}

TEST_P(TaskGroupTest, an_exception_in_the_block_of_a_group_cancels_it_and_waits) {
  std::atomic<int> running = 0;
  const auto block = [&] {
    TaskGroup group(pool_);
    for (int i = 0; i < 20; ++i) {
      group.run([&] {
        ++running;
        std::this_thread::yield();
        --running;
      });
    }
    throw std::runtime_error("block");
  };
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(block(), std::runtime_error);
    ASSERT_EQ(running, 0);
  }
}

TEST_P(TaskGroupTest, a_group_made_during_an_unwinding_is_not_cancelled) {
  struct RunsChildren {
    ~RunsChildren() {
      TaskGroup group(pool);
      for (int i = 0; i < 20; ++i) {
        group.run([this] { ++runs; });
      }
    }
    AnyExecutor& pool;
    std::atomic<int>& runs;
  };
  std::atomic<int> runs = 0;
  try {
    const RunsChildren at_the_end{pool_, runs};
    throw std::runtime_error("unwind");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(runs, 20);
  }
}

}  // namespace
}  // namespace coeval
