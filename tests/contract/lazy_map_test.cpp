// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How far map runs ahead of the loop, and what ends it early.

#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <chrono>
#include <cstddef>
#include <ranges>
#include <stop_token>
#include <utility>
#include <vector>

namespace coeval::contract {
namespace {

using namespace std::chrono_literals;
using Ints = std::vector<int>;

template <class Case>
class LazyMapTest : public ExecutorTest<Case> {
 protected:
  // 0, 1, 2 … for ever; reads_ counts how many were asked for.
  auto inputs() {
    return std::views::iota(0) | std::views::transform([this](int n) {
             ++reads_;
             return n;
           });
  }
  std::size_t reads_ = 0;
};

template <class Case>
class BusyMapTest : public BusyExecutorTest<Case> {};

CONTRACT_TEST(LazyMapTest, reads_as_many_inputs_ahead_as_buffersize_says) {
  auto squares = this->pool_.map({.buffersize = 3}, square, this->inputs());
  EXPECT_EQ(this->reads_, 3U);
  auto it = squares.begin();
  EXPECT_EQ(*it, 0);
  EXPECT_EQ(this->reads_, 3U);
  ++it;
  EXPECT_EQ(this->reads_, 4U);
  EXPECT_EQ(*it, 1);
  EXPECT_EQ(this->pool_.stats().submitted, 4U);
}

CONTRACT_TEST(LazyMapTest, reads_twice_as_many_inputs_as_there_are_workers) {
  const auto squares = this->pool_.map(square, this->inputs());
  EXPECT_EQ(this->reads_, 2 * this->pool_.stats().max_workers);
}

CONTRACT_TEST(LazyMapTest, eager_reads_all_inputs_in_the_call) {
  auto squares = this->pool_.map({.eager = true}, square, this->inputs() | std::views::take(100));
  EXPECT_EQ(this->reads_, 100U);
  EXPECT_EQ(this->pool_.stats().submitted, 100U);
  EXPECT_EQ(list(squares).size(), 100U);
}

CONTRACT_TEST(LazyMapTest, goes_through_endless_inputs_until_the_loop_is_left) {
  int last = 0;
  for (const int result : this->pool_.map({.buffersize = 2}, square, this->inputs())) {
    last = result;
    if (last >= 100) {
      break;
    }
  }
  EXPECT_EQ(last, 100);
  EXPECT_EQ(this->reads_, 12U);
}

CONTRACT_TEST(LazyMapTest, cancel_ends_the_range) {
  auto squares = this->pool_.map({.buffersize = 2}, square, this->inputs());
  EXPECT_EQ(*squares.begin(), 0);
  squares.cancel();
  EXPECT_EQ(squares.begin(), squares.end());
  EXPECT_EQ(this->reads_, 2U);
}

CONTRACT_TEST(LazyMapTest, a_range_that_was_moved_goes_on) {
  auto squares = this->pool_.map({.buffersize = 2}, square, this->inputs());
  auto moved = std::move(squares);
  auto it = moved.begin();
  ++it;
  EXPECT_EQ(*it, 1);
  EXPECT_EQ(squares.begin(), squares.end());  // NOLINT(bugprone-use-after-move)
}

CONTRACT_TEST(LazyMapTest, results_that_are_there_are_read_after_the_timeout) {
  auto squares = this->pool_.map({.eager = true, .timeout = 0s}, square, Ints{1, 2});
  this->pool_.shutdown();
  EXPECT_EQ(list(squares), (Ints{1, 4}));
}

CONTRACT_TEST(LazyMapTest, after_shutdown_raises) {
  this->pool_.shutdown();
  EXPECT_THROW(list(this->pool_.map(square, Ints{1, 2})), RuntimeError);
}

CONTRACT_TEST(LazyMapTest, a_shutdown_in_the_middle_raises_after_the_results_before_it) {
  auto squares = this->pool_.map({.buffersize = 2}, square, this->inputs());
  this->pool_.shutdown();
  auto it = squares.begin();
  EXPECT_EQ(*it, 0);
  ++it;
  EXPECT_EQ(*it, 1);
  ++it;
  EXPECT_THROW(*it, RuntimeError);
  ++it;
  EXPECT_EQ(it, squares.end());
}

CONTRACT_TEST(BusyMapTest, submits_without_iteration) {
  auto squares = this->pool_.map({.buffersize = 3}, square, Ints{1, 2, 3, 4});
  EXPECT_EQ(this->pool_.stats().queued, 3U);
  this->release();
  EXPECT_EQ(list(squares), (Ints{1, 4, 9, 16}));
}

CONTRACT_TEST(BusyMapTest, raises_timeout_error_when_a_result_is_not_there_in_time) {
  const Deadline deadline = 5ms;
  auto squares = this->pool_.map({.buffersize = 2, .timeout = deadline}, square, Ints{1, 2, 3});
  EXPECT_THROW(*squares.begin(), TimeoutError);
  EXPECT_TRUE(deadline.expired());
}

CONTRACT_TEST(BusyMapTest, a_timeout_cancels_the_rest_and_ends_the_range) {
  auto squares = this->pool_.map({.buffersize = 3, .timeout = 0s}, square, Ints{1, 2, 3, 4});
  auto it = squares.begin();
  EXPECT_THROW(*it, TimeoutError);
  EXPECT_EQ(it, squares.end());
  this->release();
  this->pool_.shutdown();
  EXPECT_EQ(this->pool_.stats().cancelled, 3U);
}

CONTRACT_TEST(BusyMapTest, dropping_the_range_cancels_what_has_not_begun) {
  {
    const auto squares = this->pool_.map({.buffersize = 3}, square, Ints{1, 2, 3, 4});
  }
  this->release();
  this->pool_.shutdown();
  EXPECT_EQ(this->pool_.stats().cancelled, 3U);
}

// Passes the gate, unless it is the first.
template <class Ticket>
int pass_unless_first(const Ticket& ticket, int n) {
  if (n != 0) {
    ticket.pass();
  }
  return n;
}

// The first element has its result; the next ones hold all workers, so two more cannot begin.
CONTRACT_TEST(BusyMapTest, leaving_the_loop_cancels_what_has_not_begun) {
  using Ticket = typename TypeParam::Gate::Ticket;
  this->release();
  for (const Future<int>& passed : this->running_) {
    passed.wait();
  }
  typename TypeParam::Gate gate;
  const std::size_t workers = this->pool_.stats().max_workers;
  for (const int result :
       this->pool_.map({.buffersize = workers + 3}, pass_unless_first<Ticket>,
                       std::vector(workers + 10, gate.ticket()), std::views::iota(0))) {
    EXPECT_EQ(result, 0);
    gate.wait_for_arrivals(workers);
    break;
  }
  gate.open();
  this->pool_.shutdown();
  EXPECT_EQ(this->pool_.stats().cancelled, 2U);
}

CONTRACT_TEST(BusyMapTest, dropping_the_range_asks_a_running_task_to_stop) {
  using Ticket = typename TypeParam::Gate::Ticket;
  this->release();
  typename TypeParam::Gate arrived;
  {
    const auto results = this->pool_.map(
        {.buffersize = 1},
        [](const std::stop_token& stop, const Ticket& ticket) {
          ticket.arrive();
          return run_until_stopped(stop, 1);
        },
        std::vector<Ticket>{arrived.ticket()});
    arrived.wait_for_arrivals(1);
  }
  this->pool_.shutdown();  // returns, so the task has ended
  EXPECT_EQ(this->pool_.stats().running, 0U);
}

CONTRACT_TEST(BusyMapTest, of_a_range_that_changes_later_sees_the_values_at_submission) {
  Ints numbers{1, 2, 3};
  std::vector<bool> signs{true, true, true};
  const auto signed_number = [](int n, bool positive) { return positive ? n : -n; };
  auto results = this->pool_.map({.buffersize = 3}, signed_number, numbers, signs);
  numbers.assign({0, 0, 0});
  signs.assign(3, false);
  this->release();
  EXPECT_EQ(list(results), (Ints{1, 2, 3}));
}

}  // namespace
}  // namespace coeval::contract
