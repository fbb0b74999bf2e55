// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace coeval::contract {
namespace {

using namespace std::chrono_literals;

template <class Case>
class CancelTest : public ExecutorTest<Case> {};

template <class Case>
class BusyCancelTest : public BusyExecutorTest<Case> {};

CONTRACT_TEST(CancelTest, of_a_finished_task_has_no_effect) {
  const auto future = this->pool_.submit(square, 3);
  EXPECT_TRUE(future.wait());
  EXPECT_FALSE(future.cancel());
  EXPECT_FALSE(future.cancelled());
  future.stop();
  EXPECT_EQ(future.result(), 9);
}

CONTRACT_TEST(CancelTest, of_a_failed_task_has_no_effect) {
  const auto future = this->pool_.submit(raise_error);
  EXPECT_TRUE(future.wait());
  EXPECT_FALSE(future.cancel());
  EXPECT_FALSE(future.cancelled());
  EXPECT_THROW(future.result(), std::runtime_error);
}

CONTRACT_TEST(BusyCancelTest, of_a_pending_task_succeeds_and_again) {
  const auto future = this->pool_.submit(square, 3);
  EXPECT_TRUE(future.cancel());
  EXPECT_TRUE(future.cancel());
  EXPECT_TRUE(future.cancelled());
  EXPECT_TRUE(future.done());
  EXPECT_FALSE(future.running());
  this->release();
  this->pool_.shutdown();
  EXPECT_TRUE(future.cancel());
  EXPECT_TRUE(future.cancelled());
}

CONTRACT_TEST(BusyCancelTest, of_a_running_task_fails) {
  EXPECT_FALSE(this->running().cancel());
  EXPECT_FALSE(this->running().cancelled());
  EXPECT_TRUE(this->running().running());
  this->release();
  EXPECT_EQ(this->running().result(), 7);
}

CONTRACT_TEST(BusyCancelTest, result_and_exception_raise_cancelled_error) {
  const auto future = this->pool_.submit(square, 3);
  future.cancel();
  EXPECT_THROW(future.result(), CancelledError);
  EXPECT_THROW(future.result(0s), CancelledError);
  EXPECT_THROW(future.exception(), CancelledError);
  EXPECT_THROW(Future<int>(future).take(), CancelledError);
  EXPECT_THROW(Future<int>(future).result(), CancelledError);
  EXPECT_TRUE(future.wait());
}

CONTRACT_TEST(BusyCancelTest, the_error_names_the_task) {
  const auto future = this->pool_.with({.name = "decode"}).submit(square, 3);
  future.cancel();
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const CancelledError& error) {
    EXPECT_NE(std::string(error.what()).find("'decode'"), std::string::npos) << error.what();
  }
  EXPECT_EQ(to_string(future), "<Future of 'decode' cancelled>");
}

CONTRACT_TEST(BusyCancelTest, a_cancelled_task_is_not_run) {
  const auto cancelled = this->pool_.submit(square, 3);
  const auto kept = this->pool_.submit(square, 4);
  cancelled.cancel();
  this->release();
  EXPECT_EQ(kept.result(), 16);
  this->pool_.shutdown();
  const ExecutorStats stats = this->pool_.stats();
  EXPECT_EQ(stats.cancelled, 1U);
  EXPECT_EQ(stats.completed, this->running_.size() + 1);
  EXPECT_EQ(stats.failed, 0U);
}

CONTRACT_TEST(BusyCancelTest, wakes_the_thread_that_waits_for_the_result) {
  const auto future = this->pool_.submit(square, 3);
  const std::jthread canceller([&future] { future.cancel(); });
  EXPECT_THROW(future.result(), CancelledError);
}

CONTRACT_TEST(BusyCancelTest, of_one_task_succeeds_for_every_thread_that_tries) {
  const auto future = this->pool_.submit(square, 3);
  std::atomic<int> successes = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { successes += future.cancel() ? 1 : 0; });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(successes, 4);
}

CONTRACT_TEST(BusyCancelTest, racing_the_start_has_one_of_two_outcomes) {
  for (int round = 0; round < 300; ++round) {
    const auto future = this->pool_.submit(square, 3);
    if (round == 2) {
      this->release();
    }
    if (future.cancel()) {
      EXPECT_THROW(future.result(), CancelledError);
    } else {
      EXPECT_EQ(future.result(), 9);
      EXPECT_FALSE(future.cancelled());
    }
  }
}

CONTRACT_TEST(BusyCancelTest, stop_cancels_a_pending_task) {
  const auto future = this->pool_.submit(run_until_stopped, 1);
  future.stop();
  EXPECT_TRUE(future.cancelled());
}

CONTRACT_TEST(BusyCancelTest, stop_asks_a_running_task_to_end) {
  using Ticket = typename TypeParam::Gate::Ticket;
  typename TypeParam::Gate arrived;
  this->release();
  const auto future = this->pool_.submit(
      [](const std::stop_token& stop, const Ticket& ticket) {
        ticket.arrive();
        return run_until_stopped(stop, 5);
      },
      arrived.ticket());
  arrived.wait_for_arrivals(1);
  EXPECT_FALSE(future.cancel());
  future.stop();
  future.stop();
  EXPECT_EQ(future.result(), 5);
}

CONTRACT_TEST(BusyCancelTest, stop_of_a_running_task_that_takes_no_stop_token) {
  this->running().stop();
  if constexpr (TypeParam::crosses) {  // its process is ended
    EXPECT_THROW(this->running().result(), CancelledError);
    EXPECT_FALSE(this->running().cancelled());
    this->release();
    EXPECT_EQ(this->pool_.submit(square, 3).result(), 9);
  } else {
    EXPECT_TRUE(this->running().running());
    this->release();
    EXPECT_EQ(this->running().result(), 7);
  }
}

}  // namespace
}  // namespace coeval::contract
