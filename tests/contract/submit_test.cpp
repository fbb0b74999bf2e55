// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <array>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coeval::contract {
namespace {

template <class Case>
class SubmitTest : public ExecutorTest<Case> {};

struct Scale {
  int factor = 1;
  int operator()(int n) const { return factor * n; }
};

struct Point {
  int x = 0;
  int y = 0;
  int sum() const { return x + y; }
};

int first(std::vector<int> numbers) {
  return numbers.at(0);
}
int value_of(std::unique_ptr<int> number) {
  return *number;
}
std::size_t size_of(std::string&& text) {
  return text.size();
}
bool is_asked_to_stop(const std::stop_token& stop, bool possible) {
  return stop.stop_requested() || stop.stop_possible() != possible;
}

// Takes any executor, as a program's own function does.
int twice(Executor auto& executor, int n) {
  return executor.submit(add, n, n).result();
}

CONTRACT_TEST(SubmitTest, meets_the_concept_executor) {
  static_assert(Executor<decltype(this->pool_)>);
  EXPECT_EQ(twice(this->pool_, 4), 8);
}

CONTRACT_TEST(SubmitTest, returns_a_future_of_what_the_function_returns) {
  const Future<int> future = this->pool_.submit(add, 40, 2);
  EXPECT_EQ(future.result(), 42);
  EXPECT_TRUE(future.done());
  EXPECT_FALSE(future.running());
  EXPECT_FALSE(future.cancelled());
}

CONTRACT_TEST(SubmitTest, calls_a_function_without_arguments) {
  EXPECT_EQ(this->pool_.submit([] { return 5; }).result(), 5);
}

CONTRACT_TEST(SubmitTest, calls_function_pointers_lambdas_and_function_objects) {
  EXPECT_EQ(this->pool_.submit(&square, 3).result(), 9);
  EXPECT_EQ(this->pool_.submit([](int n) { return n + 1; }, 3).result(), 4);
  EXPECT_EQ(this->pool_.submit(Scale{5}, 3).result(), 15);
  EXPECT_EQ(this->pool_.submit(std::plus<>(), 3, 4).result(), 7);
}

CONTRACT_TEST(SubmitTest, calls_members_of_a_value) {
  EXPECT_EQ(this->pool_.submit(&Point::sum, Point{1, 2}).result(), 3);
  EXPECT_EQ(this->pool_.submit(&Point::y, Point{1, 2}).result(), 2);
}

CONTRACT_TEST(SubmitTest, gives_the_function_moved_copies_of_the_arguments) {
  EXPECT_EQ(this->pool_.submit(value_of, std::make_unique<int>(6)).result(), 6);
  EXPECT_EQ(this->pool_.submit(size_of, std::string("four")).result(), 4U);
  std::string kept = "kept";
  EXPECT_EQ(this->pool_.submit(size_of, kept).result(), 4U);
  EXPECT_EQ(kept, "kept");
}

CONTRACT_TEST(SubmitTest, converts_arguments_at_the_call) {
  EXPECT_EQ(this->pool_.submit(square, short{3}).result(), 9);
  EXPECT_EQ(this->pool_.submit(greet, std::string("you")).result(), "hello you");
}

CONTRACT_TEST(SubmitTest, gives_a_function_that_takes_one_a_stop_token_first) {
  EXPECT_FALSE(this->pool_.submit(is_asked_to_stop, true).result());
}

CONTRACT_TEST(SubmitTest, runs_every_task_once) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) {
    futures.push_back(this->pool_.submit(square, i));
  }
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i * i);
  }
  this->pool_.shutdown();
  EXPECT_EQ(this->pool_.stats().completed, 1000U);
}

CONTRACT_TEST(SubmitTest, may_be_called_by_several_threads_at_once) {
  std::array<int, 4> sums{};
  std::vector<std::thread> threads;
  for (int& sum : sums) {
    threads.emplace_back([&sum, &pool = this->pool_] {
      std::vector<Future<int>> futures;
      for (int i = 0; i < 200; ++i) {
        futures.push_back(pool.submit(add, i, 1));
      }
      for (const Future<int>& future : futures) {
        sum += future.result();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(sums, (std::array<int, 4>{20100, 20100, 20100, 20100}));
}

CONTRACT_TEST(SubmitTest, a_copy_of_an_argument_that_raises_leaves_the_executor_usable) {
  struct Uncopyable {
    Uncopyable() = default;
    Uncopyable(const Uncopyable&) { throw std::runtime_error("copy"); }
    Uncopyable(Uncopyable&&) noexcept = default;
    // A copy in another process.
    void save(pickle::OutputArchive&) const { throw std::runtime_error("copy"); }
    static Uncopyable load(pickle::InputArchive&) { return {}; }
  };
  const Uncopyable argument;
  EXPECT_THROW(this->pool_.submit([](const Uncopyable&) {}, argument), std::runtime_error);
  EXPECT_EQ(this->pool_.stats().submitted, 0U);
  EXPECT_EQ(this->pool_.submit(square, 2).result(), 4);
}

CONTRACT_TEST(SubmitTest, try_submit_gives_a_future_when_there_is_room) {
  const std::optional<Future<int>> future = this->pool_.try_submit(add, 1, 2);
  ASSERT_TRUE(future.has_value());
  EXPECT_EQ(future->result(), 3);
}

CONTRACT_TEST(SubmitTest, an_any_executor_refers_to_it) {
  AnyExecutor any = this->pool_;
  EXPECT_EQ(any.submit(add, 1, 2).result(), 3);
  AnyExecutor copy = any;
  EXPECT_EQ(copy.submit(add, 2, 2).result(), 4);
  this->pool_.shutdown();
  EXPECT_THROW(copy.submit(add, 1, 2), RuntimeError);
}

CONTRACT_TEST(SubmitTest, the_statistics_count_what_became_of_the_tasks) {
  this->pool_.submit(square, 1);
  this->pool_.submit(square, 2);
  this->pool_.submit(raise_error);
  this->pool_.shutdown();
  const ExecutorStats stats = this->pool_.stats();
  EXPECT_EQ(stats.submitted, 3U);
  EXPECT_EQ(stats.completed, 2U);
  EXPECT_EQ(stats.failed, 1U);
  EXPECT_EQ(stats.cancelled, 0U);
  EXPECT_EQ(stats.queued, 0U);
  EXPECT_EQ(stats.running, 0U);
  EXPECT_GE(stats.max_workers, 1U);
  EXPECT_FALSE(stats.name.empty());
  EXPECT_NE(to_string(stats).find("2 completed, 1 failed"), std::string::npos) << to_string(stats);
}

CONTRACT_TEST(SubmitTest, vectors_cross) {
  EXPECT_EQ(this->pool_.submit(first, std::vector<int>{9, 8}).result(), 9);
}

}  // namespace
}  // namespace coeval::contract
