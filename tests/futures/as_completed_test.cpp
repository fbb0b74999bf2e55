// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/as_completed.hpp>

#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;
using Futures = std::vector<Future<int>>;

TEST(AsCompleted, is_an_input_range_of_the_standard) {
  static_assert(std::ranges::input_range<decltype(as_completed(Futures()))>);
  Promise<int> promise;
  promise.set_result(3);
  auto completed = as_completed(Futures{promise.future()});
  int sum = 0;
  for (const int n : completed | std::views::transform([](auto f) { return f.result(); })) {
    sum += n;
  }
  EXPECT_EQ(sum, 3);
}

TEST(AsCompleted, follows_the_order_of_completion_and_not_of_the_input) {
  std::vector<Promise<int>> promises(4);
  auto completed = as_completed(
      promises | std::views::transform([](const auto& promise) { return promise.future(); }));
  std::vector<std::size_t> order;
  promises[2].set_result(2);
  auto it = completed.begin();
  for (const std::size_t next : {0U, 3U, 1U}) {
    order.push_back(static_cast<std::size_t>((*it).result()));
    promises[next].set_result(static_cast<int>(next));
    ++it;
  }
  order.push_back(static_cast<std::size_t>((*it).result()));
  ++it;
  EXPECT_EQ(it, completed.end());
  EXPECT_EQ(order, (std::vector<std::size_t>{2, 0, 3, 1}));
}

TEST(AsCompleted, yields_a_cancelled_future_at_once) {
  // CPython yields it only when the executor sees the cancellation; here it is done for everyone.
  const Promise<int> promise;
  const Future<int> future = promise.future();
  auto completed = as_completed(Futures{future});
  std::thread canceller([&future] { future.cancel(); });
  EXPECT_TRUE((*completed.begin()).cancelled());
  canceller.join();
}

TEST(AsCompleted, the_timeout_holds_for_the_loop_and_is_not_early) {
  std::vector<Promise<int>> promises(3);
  promises[0].set_result(1);
  Futures seen;
  const Deadline deadline = 5ms;
  try {
    for (const Future<int>& future : as_completed(
             Futures{promises[0].future(), promises[1].future(), promises[2].future()}, deadline)) {
      seen.push_back(future);
    }
    FAIL() << "nothing was raised";
  } catch (const TimeoutError& error) {
    EXPECT_TRUE(deadline.expired());
    EXPECT_STREQ(error.what(), "2 (of 3) futures unfinished");
  }
  EXPECT_EQ(seen, Futures{promises[0].future()});
}

TEST(AsCompleted, the_futures_go_on_after_the_timeout) {
  Promise<int> promise;
  EXPECT_THROW(as_completed(Futures{promise.future()}, 0s).begin(), TimeoutError);
  promise.set_result(1);
  EXPECT_EQ(promise.future().result(), 1);
}

TEST(AsCompleted, of_a_named_range_leaves_it_alone) {
  Promise<int> promise;
  promise.set_result(1);
  const Futures futures{promise.future()};
  for (const Future<int>& future : as_completed(futures)) {
    EXPECT_EQ(future, futures[0]);
  }
  EXPECT_TRUE(futures[0].valid());
}

TEST(AsCompleted, drops_its_hold_on_each_future_when_it_goes_on) {
  std::vector<Promise<std::string>> promises(2);
  auto completed = as_completed(std::vector{promises[0].future(), promises[1].future()});
  promises[0].set_result("first");
  Future<std::string> first = promises[0].future();
  promises[0] = Promise<std::string>();
  auto it = completed.begin();
  EXPECT_FALSE(first.get_cell()->single_handle());
  promises[1].set_result("second");
  ++it;
  EXPECT_TRUE(first.get_cell()->single_handle());
}

TEST(AsCompleted, racing_the_completions_yields_each_once) {
  for (int round = 0; round < 200; ++round) {
    std::vector<Promise<int>> promises(4);
    Futures futures;
    for (const Promise<int>& promise : promises) {
      futures.push_back(promise.future());
    }
    std::thread setter([&promises] {
      for (Promise<int>& promise : promises) {
        promise.set_result(1);
      }
    });
    int count = 0;
    for (const Future<int>& future : as_completed(futures)) {
      count += future.result();
    }
    setter.join();
    EXPECT_EQ(count, 4);
  }
}

}  // namespace
}  // namespace coeval
