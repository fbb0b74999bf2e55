// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What hangs on a future: callbacks, then, when_all. They run in the process of the test.

#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <coeval/threading/event.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace coeval::contract {
namespace {

template <class Case>
class CallbackTest : public ExecutorTest<Case> {};

template <class Case>
class BusyCallbackTest : public BusyExecutorTest<Case> {};

CONTRACT_TEST(CallbackTest, is_called_with_the_future_when_it_is_done) {
  threading::Event called;
  const auto future = this->pool_.submit(square, 3);
  future.add_done_callback([&](const Future<int>& done) {
    EXPECT_EQ(done, future);
    EXPECT_EQ(done.result(), 9);
    called.set();
  });
  called.wait();
}

CONTRACT_TEST(CallbackTest, is_called_when_the_task_fails) {
  threading::Event called;
  this->pool_.submit(raise_error).add_done_callback([&](const Future<int>& done) {
    EXPECT_NE(done.exception(), nullptr);
    called.set();
  });
  called.wait();
}

CONTRACT_TEST(CallbackTest, of_a_finished_task_is_called_at_once_by_the_caller) {
  const auto future = this->pool_.submit(square, 3);
  EXPECT_TRUE(future.wait());
  std::thread::id caller;
  future.add_done_callback([&](const Future<int>&) { caller = std::this_thread::get_id(); });
  EXPECT_EQ(caller, std::this_thread::get_id());
}

CONTRACT_TEST(CallbackTest, may_submit_more) {
  threading::Event called;
  Future<int> second;
  this->pool_.submit(square, 3).add_done_callback([&](const Future<int>& done) {
    second = this->pool_.submit(square, done.result());
    called.set();
  });
  called.wait();
  EXPECT_EQ(second.result(), 81);
}

CONTRACT_TEST(CallbackTest, then_gives_a_future_of_what_follows) {
  const Future<std::string> text =
      this->pool_.submit(square, 3).then([](int n) { return std::to_string(n); });
  EXPECT_EQ(text.result(), "9");
}

CONTRACT_TEST(CallbackTest, then_passes_a_failure_on_without_a_call) {
  std::atomic<bool> called = false;
  const auto after = this->pool_.submit(raise_error).then([&called](int n) {
    called = true;
    return n;
  });
  EXPECT_THROW(after.result(), std::runtime_error);
  EXPECT_FALSE(called);
}

CONTRACT_TEST(CallbackTest, then_runs_on_the_executor_that_is_given) {
  const auto after = this->pool_.submit(square, 3).then(this->pool_, [](int n) { return n + 1; });
  EXPECT_EQ(after.result(), 10);
  this->pool_.shutdown();
  EXPECT_EQ(this->pool_.stats().completed, 2U);
}

CONTRACT_TEST(CallbackTest, then_on_an_executor_that_is_shut_down_fails) {
  const auto future = this->pool_.submit(square, 3);
  this->pool_.shutdown();
  EXPECT_THROW(future.then(this->pool_, square).result(), RuntimeError);
}

CONTRACT_TEST(CallbackTest, when_all_gathers_results_of_several_types) {
  const auto both =
      when_all(this->pool_.submit(square, 3), this->pool_.submit(greet, std::string("you")));
  EXPECT_EQ(both.result(), std::tuple(9, std::string("hello you")));
}

CONTRACT_TEST(CallbackTest, when_all_of_many_keeps_their_order) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 50; ++i) {
    futures.push_back(this->pool_.submit(square, i));
  }
  const std::vector<int> results = when_all(futures).result();
  ASSERT_EQ(results.size(), 50U);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(results[static_cast<std::size_t>(i)], i * i);
  }
}

CONTRACT_TEST(BusyCallbackTest, callbacks_run_once_each_in_the_order_in_which_they_were_added) {
  std::vector<int> order;
  threading::Event called;
  for (int i = 0; i < 5; ++i) {
    this->running().add_done_callback([&order, i](const Future<int>&) { order.push_back(i); });
  }
  this->running().add_done_callback([&called](const Future<int>&) { called.set(); });
  EXPECT_FALSE(this->running().done());  // and so they have not been called
  this->release();
  called.wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

CONTRACT_TEST(BusyCallbackTest, cancel_calls_them_at_once_in_its_own_thread) {
  const auto pending = this->pool_.submit(square, 3);
  std::thread::id caller;
  pending.add_done_callback([&](const Future<int>& done) {
    EXPECT_TRUE(done.cancelled());
    caller = std::this_thread::get_id();
  });
  EXPECT_TRUE(pending.cancel());
  EXPECT_EQ(caller, std::this_thread::get_id());
}

CONTRACT_TEST(BusyCallbackTest, cancel_passes_on_through_then) {
  const auto pending = this->pool_.submit(square, 3);
  const auto after = pending.then([](int n) { return n; });
  EXPECT_TRUE(pending.cancel());
  EXPECT_TRUE(after.cancelled());
}

}  // namespace
}  // namespace coeval::contract
