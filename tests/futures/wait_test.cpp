// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/wait.hpp>

#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;

std::vector<Future<int>> futures_of(const std::vector<Promise<int>>& promises) {
  std::vector<Future<int>> futures;
  for (const Promise<int>& promise : promises) {
    futures.push_back(promise.future());
  }
  return futures;
}

TEST(Wait, returns_when_the_last_is_set_by_another_thread) {
  std::vector<Promise<int>> promises(10);
  const auto futures = futures_of(promises);
  std::thread setter([&promises] {
    for (Promise<int>& promise : promises) {
      promise.set_result(1);
    }
  });
  const auto [done, not_done] = wait(futures);
  setter.join();
  EXPECT_EQ(done, futures);
  EXPECT_TRUE(not_done.empty());
}

TEST(Wait, for_the_first_returns_with_one_done) {
  std::vector<Promise<int>> promises(3);
  const auto futures = futures_of(promises);
  std::thread setter([&promises] { promises[1].set_result(1); });
  const auto [done, not_done] = wait(futures, ReturnWhen::first_completed);
  setter.join();
  EXPECT_EQ(done, std::vector{futures[1]});
  EXPECT_EQ(not_done, (std::vector{futures[0], futures[2]}));
}

TEST(Wait, for_an_exception_passes_over_results_and_cancellations) {
  std::vector<Promise<int>> promises(4);
  const auto futures = futures_of(promises);
  std::thread setter([&] {
    promises[0].set_result(1);
    futures[1].cancel();
    promises[2].set_exception(std::runtime_error("no"));
  });
  const auto [done, not_done] = wait(futures, ReturnWhen::first_exception);
  setter.join();
  EXPECT_EQ(done, (std::vector{futures[0], futures[1], futures[2]}));
  EXPECT_EQ(not_done, std::vector{futures[3]});
}

TEST(Wait, for_an_exception_of_cancelled_futures_returns_when_all_are_done) {
  std::vector<Promise<int>> promises(2);
  const auto futures = futures_of(promises);
  std::thread canceller([&] {
    futures[0].cancel();
    futures[1].cancel();
  });
  EXPECT_EQ(wait(futures, ReturnWhen::first_exception).done, futures);
  canceller.join();
}

TEST(Wait, a_broken_promise_counts_as_an_exception) {
  std::vector<Promise<int>> promises(2);
  const auto futures = futures_of(promises);
  promises.pop_back();
  EXPECT_EQ(wait(futures, ReturnWhen::first_exception).done, std::vector{futures[1]});
}

TEST(Wait, takes_a_view) {
  std::vector<Promise<int>> promises(3);
  for (Promise<int>& promise : promises) {
    promise.set_result(1);
  }
  const auto view = promises | std::views::transform([](const auto& p) { return p.future(); });
  EXPECT_EQ(wait(view).done.size(), 3U);
}

TEST(Wait, racing_the_completions_loses_none) {
  for (int round = 0; round < 200; ++round) {
    std::vector<Promise<int>> promises(4);
    const auto futures = futures_of(promises);
    std::thread setter([&promises] {
      for (Promise<int>& promise : promises) {
        promise.set_result(1);
      }
    });
    const auto first = wait(futures, ReturnWhen::first_completed);
    EXPECT_FALSE(first.done.empty());
    EXPECT_EQ(wait(futures).done.size(), 4U);
    setter.join();
  }
}

TEST(Wait, several_threads_wait_for_overlapping_futures) {
  std::vector<Promise<int>> promises(6);
  const auto futures = futures_of(promises);
  std::vector<std::thread> waiters;
  for (std::size_t i = 0; i < 4; ++i) {
    waiters.emplace_back([&futures, i] {
      const std::vector<Future<int>> some(futures.begin() + static_cast<std::ptrdiff_t>(i),
                                          futures.begin() + static_cast<std::ptrdiff_t>(i) + 3);
      EXPECT_EQ(wait(some).done, some);
    });
  }
  for (Promise<int>& promise : promises) {
    promise.set_result(1);
  }
  for (std::thread& waiter : waiters) {
    waiter.join();
  }
}

TEST(Wait, the_futures_may_be_dropped_and_the_promise_set_while_it_gives_up) {
  for (int round = 0; round < 200; ++round) {
    auto promise = std::make_unique<Promise<int>>();
    std::thread setter([&promise] { promise->set_result(1); });
    wait(std::vector{promise->future()}, 0s);
    setter.join();
  }
}

TEST(Wait, leaves_nothing_behind_in_futures_that_live_long) {
  // A registration that stayed would be run by set_result after its wait has gone.
  Promise<int> promise;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(wait(std::vector{promise.future()}, 0s).not_done.size(), 1U);
  }
  promise.set_result(1);
  EXPECT_EQ(promise.future().result(), 1);
}

TEST(Wait, works_beside_callbacks) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  std::atomic<int> calls = 0;
  future.add_done_callback([&calls](const Future<int>&) { ++calls; });
  EXPECT_TRUE(wait(std::vector{future}, 0s).done.empty());
  future.add_done_callback([&calls](const Future<int>&) { ++calls; });
  promise.set_result(1);
  EXPECT_EQ(wait(std::vector{future}).done.size(), 1U);
  EXPECT_EQ(calls, 2);
}

TEST(Wait, a_callback_may_wait_for_another_future) {
  Promise<int> first;
  Promise<int> second;
  second.set_result(2);
  std::size_t done = 0;
  first.future().add_done_callback(
      [&](const Future<int>& f) { done = wait(std::vector{f, second.future()}).done.size(); });
  first.set_result(1);
  EXPECT_EQ(done, 2U);
}

TEST(Wait, ten_thousand_futures) {
  std::vector<Promise<int>> promises(10'000);
  const auto futures = futures_of(promises);
  std::thread setter([&promises] {
    for (Promise<int>& promise : promises | std::views::reverse) {
      promise.set_result(1);
    }
  });
  EXPECT_EQ(wait(futures).done.size(), 10'000U);
  setter.join();
}

}  // namespace
}  // namespace coeval
