// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <algorithm>
#include <chrono>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

namespace coeval::contract {
namespace {

using namespace std::chrono_literals;
using Futures = std::vector<Future<int>>;

template <class Case>
class AsCompletedTest : public ExecutorTest<Case> {};

template <class Case>
class BusyAsCompletedTest : public BusyExecutorTest<Case> {};

CONTRACT_TEST(AsCompletedTest, yields_every_future_once) {
  Futures futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(this->pool_.submit(add, i, 0));
  }
  std::vector<int> results;
  for (const Future<int>& future : as_completed(futures)) {
    EXPECT_TRUE(future.done());
    results.push_back(future.result());
  }
  std::ranges::sort(results);
  EXPECT_TRUE(std::ranges::equal(results, std::views::iota(0, 100)));
}

CONTRACT_TEST(AsCompletedTest, yields_a_future_that_was_given_twice_once) {
  const auto a = this->pool_.submit(square, 1);
  const auto b = this->pool_.submit(square, 2);
  Futures seen;
  for (const Future<int>& future : as_completed(Futures{a, b, a, a, b})) {
    seen.push_back(future);
  }
  EXPECT_EQ(seen.size(), 2U);
}

CONTRACT_TEST(AsCompletedTest, yields_what_is_done_already_in_the_order_given) {
  const Futures futures{this->pool_.submit(square, 1), this->pool_.submit(raise_error),
                        this->pool_.submit(square, 3)};
  coeval::wait(futures);
  Futures seen;
  for (const Future<int>& future : as_completed(futures)) {
    seen.push_back(future);
  }
  EXPECT_EQ(seen, futures);
}

CONTRACT_TEST(AsCompletedTest, of_nothing_yields_nothing) {
  for (const Future<int>& future : as_completed(Futures())) {
    FAIL() << "yielded " << to_string(future);
  }
}

CONTRACT_TEST(AsCompletedTest, yields_futures_of_several_types_and_executors) {
  auto other = this->make();
  const auto number = this->pool_.submit(square, 2);
  const auto text = other.submit(greet, std::string("you"));
  std::vector<AnyFuture> seen;
  for (const AnyFuture& future : as_completed(std::vector<AnyFuture>{number, text})) {
    seen.push_back(future);
  }
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_NE(std::ranges::find(seen, AnyFuture(text)), seen.end());
}

CONTRACT_TEST(AsCompletedTest, an_empty_future_raises_invalid_state_error) {
  EXPECT_THROW(as_completed(Futures{Future<int>()}), InvalidStateError);
}

CONTRACT_TEST(AsCompletedTest, may_be_left_in_the_middle) {
  Futures futures;
  for (int i = 0; i < 10; ++i) {
    futures.push_back(this->pool_.submit(square, i));
  }
  for (const Future<int>& future : as_completed(futures)) {
    EXPECT_TRUE(future.done());
    break;
  }
  EXPECT_EQ(coeval::wait(futures).done.size(), 10U);
}

CONTRACT_TEST(AsCompletedTest, keeps_a_future_no_longer_than_until_the_next) {
  Futures futures{this->pool_.submit(square, 2), this->pool_.submit(square, 3)};
  coeval::wait(futures);
  auto completed = as_completed(futures);
  futures.clear();
  auto it = completed.begin();
  const auto* const cell = (*it).get_cell();
  EXPECT_TRUE(cell->single_handle());  // the one in the range: *it gave its own back
  EXPECT_EQ((*it).result(), 4);
  ++it;
  EXPECT_EQ((*it).result(), 9);
}

CONTRACT_TEST(BusyAsCompletedTest, yields_the_finished_ones_before_it_waits) {
  const auto pending = this->pool_.submit(square, 3);
  const auto cancelled = this->pool_.submit(square, 2);
  EXPECT_TRUE(cancelled.cancel());
  auto completed = as_completed(Futures{pending, cancelled});
  auto it = completed.begin();
  EXPECT_EQ(*it, cancelled);
  this->release();
  ++it;
  EXPECT_EQ(*it, pending);
  ++it;
  EXPECT_EQ(it, completed.end());
}

CONTRACT_TEST(BusyAsCompletedTest, raises_timeout_error_that_counts_the_unfinished) {
  const auto pending = this->pool_.submit(square, 3);
  const auto cancelled = this->pool_.submit(square, 2);
  EXPECT_TRUE(cancelled.cancel());
  auto completed = as_completed(Futures{pending, cancelled, this->running()}, 0s);
  auto it = completed.begin();
  EXPECT_EQ(*it, cancelled);
  try {
    ++it;
    FAIL() << "nothing was raised";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "2 (of 3) futures unfinished");
  }
}

CONTRACT_TEST(BusyAsCompletedTest, the_timeout_counts_distinct_futures) {
  auto completed = as_completed(Futures{this->running(), this->running()}, 0s);
  try {
    completed.begin();
    FAIL() << "nothing was raised";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "1 (of 1) futures unfinished");
  }
}

CONTRACT_TEST(BusyAsCompletedTest, a_future_that_is_cancelled_during_the_loop_is_yielded_at_once) {
  const auto pending = this->pool_.submit(square, 3);
  const auto canceller = std::jthread([&pending] { pending.cancel(); });
  for (const Future<int>& future : as_completed(Futures{pending})) {  // no worker has seen it
    EXPECT_TRUE(future.cancelled());
  }
}

CONTRACT_TEST(BusyAsCompletedTest, yields_in_the_order_of_completion) {
  using Ticket = typename TypeParam::Gate::Ticket;
  auto one = this->make();
  auto two = this->make();
  typename TypeParam::Gate first_gate;
  typename TypeParam::Gate second_gate;
  const auto second = one.submit(pass<Ticket>, second_gate.ticket(), 2);
  const auto first = two.submit(pass<Ticket>, first_gate.ticket(), 1);
  auto completed = as_completed(Futures{this->running(), second, first});
  first_gate.open();
  auto it = completed.begin();
  EXPECT_EQ(*it, first);
  second_gate.open();
  ++it;
  EXPECT_EQ(*it, second);
  this->release();
  ++it;
  EXPECT_EQ(*it, this->running());
}

}  // namespace
}  // namespace coeval::contract
