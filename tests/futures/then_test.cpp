// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Future::then.

#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace coeval {
namespace {

int increment(int n) {
  return n + 1;
}

TEST(Then, calls_the_function_with_the_result_in_the_completing_thread) {
  Promise<int> promise;
  std::thread::id caller;
  const auto after = promise.future().then([&caller](const int& n) {
    caller = std::this_thread::get_id();
    return std::to_string(n);
  });
  static_assert(std::is_same_v<decltype(after), const Future<std::string>>);
  EXPECT_FALSE(after.done());
  std::thread setter([&promise] { promise.set_result(4); });
  const std::thread::id expected = setter.get_id();
  setter.join();
  EXPECT_EQ(after.result(), "4");
  EXPECT_EQ(caller, expected);
}

TEST(Then, of_a_finished_future_is_called_at_once) {
  Promise<int> promise;
  promise.set_result(1);
  EXPECT_EQ(promise.future().then(increment).result(), 2);
}

TEST(Then, chains) {
  Promise<int> promise;
  const auto last = promise.future().then(increment).then(increment).then(increment);
  promise.set_result(1);
  EXPECT_EQ(last.result(), 4);
}

TEST(Then, of_void_takes_no_argument) {
  Promise<void> promise;
  const Future<int> after = promise.future().then([] { return 5; });
  promise.set_result();
  EXPECT_EQ(after.result(), 5);
}

TEST(Then, a_function_without_result_gives_a_future_of_void) {
  Promise<int> promise;
  int seen = 0;
  const Future<void> after = promise.future().then([&seen](int n) { seen = n; });
  promise.set_result(3);
  after.result();
  EXPECT_EQ(seen, 3);
}

TEST(Then, a_function_that_returns_a_reference_gives_a_copy) {
  Promise<std::string> promise;
  const Future<std::string> after =
      promise.future().then([](const std::string& text) -> const std::string& { return text; });
  promise.set_result("text");
  const Future<std::string> source = promise.future();
  EXPECT_EQ(after.result(), "text");
  EXPECT_NE(&after.result(), &source.result());
}

TEST(Then, passes_an_exception_on_without_a_call) {
  Promise<int> promise;
  bool called = false;
  const auto after = promise.future().then([&called](int) { called = true; });
  promise.set_exception(std::out_of_range("source"));
  EXPECT_THROW(after.result(), std::out_of_range);
  EXPECT_FALSE(called);
}

TEST(Then, passes_a_cancellation_on_without_a_call) {
  Promise<int> promise;
  bool called = false;
  const auto after = promise.future().then([&called](int) { called = true; });
  promise.future().cancel();
  EXPECT_TRUE(after.cancelled());
  EXPECT_THROW(after.result(), CancelledError);
  EXPECT_FALSE(called);
}

TEST(Then, keeps_what_the_function_raised) {
  Promise<int> promise;
  const auto after = promise.future().then([](int) -> int { throw std::runtime_error("after"); });
  promise.set_result(1);
  EXPECT_THROW(after.result(), std::runtime_error);
  EXPECT_EQ(promise.future().result(), 1);
}

TEST(Then, its_cancellation_leaves_the_source_alone) {
  Promise<int> promise;
  bool called = false;
  const auto after = promise.future().then([&called](int) { called = true; });
  EXPECT_TRUE(after.cancel());
  EXPECT_FALSE(promise.future().done());
  promise.set_result(1);
  EXPECT_EQ(promise.future().result(), 1);
  EXPECT_TRUE(after.cancelled());
  EXPECT_FALSE(called);
}

TEST(Then, of_a_result_that_was_taken_raises_invalid_state_error) {
  Promise<std::unique_ptr<int>> promise;
  promise.set_result(std::make_unique<int>(1));
  promise.future().take();
  const auto after = promise.future().then([](const std::unique_ptr<int>& n) { return *n; });
  EXPECT_THROW(after.result(), InvalidStateError);
}

TEST(Then, drops_the_function_and_the_source_when_it_has_run) {
  Promise<std::shared_ptr<int>> promise;
  auto token = std::make_shared<int>(1);
  auto value = std::make_shared<int>(2);
  const auto after = promise.future().then([token](const std::shared_ptr<int>& n) { return *n; });
  promise.set_result(value);
  promise = Promise<std::shared_ptr<int>>();
  EXPECT_EQ(after.result(), 2);
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(value.use_count(), 1);
}

TEST(Then, drops_the_function_when_it_is_cancelled) {
  const Promise<int> promise;
  auto token = std::make_shared<int>(1);
  const auto after = promise.future().then([token](int) {});
  EXPECT_TRUE(after.cancel());
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Then, runs_although_its_future_was_dropped) {
  Promise<int> promise;
  int seen = 0;
  promise.future().then([&seen](int n) { seen = n; });
  promise.set_result(3);
  EXPECT_EQ(seen, 3);
}

TEST(Then, takes_a_move_only_function) {
  Promise<int> promise;
  const auto after =
      promise.future().then([box = std::make_unique<int>(4)](int n) { return *box + n; });
  promise.set_result(1);
  EXPECT_EQ(after.result(), 5);
}

TEST(Then, on_an_executor_runs_as_its_task) {
  ThreadPoolExecutor pool({.max_workers = 1});
  const std::thread::id worker = pool.submit([] { return std::this_thread::get_id(); }).result();
  Promise<int> promise;
  const auto after = promise.future().then(pool, [](int) { return std::this_thread::get_id(); });
  promise.set_result(1);
  EXPECT_EQ(after.result(), worker);
  pool.shutdown();
  EXPECT_EQ(pool.stats().completed, 2U);
}

TEST(Then, on_an_executor_can_be_cancelled_while_it_is_queued) {
  threading::Event started;
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto occupied = pool.submit([&] {
    started.set();
    gate.wait();
  });
  started.wait();
  Promise<int> promise;
  const auto after = promise.future().then(pool, increment);
  promise.set_result(1);
  EXPECT_FALSE(after.done());
  EXPECT_TRUE(after.cancel());
  gate.set();
  pool.shutdown();
  EXPECT_EQ(pool.stats().cancelled, 1U);
}

TEST(Then, on_an_executor_that_was_shut_down_meanwhile_raises) {
  InlineExecutor pool;
  Promise<int> promise;
  const auto after = promise.future().then(pool, increment);
  pool.shutdown();
  promise.set_result(1);
  EXPECT_THROW(after.result(), RuntimeError);
}

TEST(Then, its_future_does_not_keep_the_executor_alive) {
  auto pool = std::make_unique<AnyExecutor>(make_executor("threads:1"));
  const std::weak_ptr<detail::ExecutorBackend> backend = pool->backend();
  Promise<int> promise;
  promise.set_result(1);
  const auto after = promise.future().then(*pool, increment);
  EXPECT_EQ(after.result(), 2);
  pool->shutdown();
  pool.reset();
  EXPECT_TRUE(backend.expired());
}

TEST(Then, may_be_the_last_one_to_know_the_executor) {
  Future<int> after;
  Promise<int> promise;
  {
    AnyExecutor pool = make_executor("threads:1");
    after = promise.future().then(pool, increment);
  }
  promise.set_result(1);
  EXPECT_TRUE(after.wait());  // it ran, or was refused by an executor that is gone
}

}  // namespace
}  // namespace coeval
