// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/promise.hpp>

#include <coeval/core/log.hpp>
#include <coeval/futures/wait.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> logged;

void remember(Severity severity, std::string_view source, std::string_view text) {
  logged.push_back((severity == Severity::critical ? "critical " : "") + std::string(source) +
                   ": " + std::string(text));
}

struct ThrowsOnConstruction {
  explicit ThrowsOnConstruction(int /*n*/) { throw std::runtime_error("construction"); }
};

struct FalseyError : std::exception {
  explicit operator bool() const { return false; }
};

TEST(Promise, moves_and_is_not_copied) {
  static_assert(!std::is_copy_constructible_v<Promise<int>>);
  static_assert(!std::is_copy_assignable_v<Promise<int>>);
  static_assert(std::is_nothrow_move_constructible_v<Promise<int>>);
  static_assert(std::is_nothrow_move_assignable_v<Promise<int>>);
}

TEST(Promise, begins_pending) {
  const Promise<int> promise;
  EXPECT_FALSE(promise.future().done());
  EXPECT_FALSE(promise.future().running());
  EXPECT_FALSE(promise.future().cancelled());
  EXPECT_EQ(to_string(promise.future()), "<Future pending>");
}

TEST(Promise, gives_the_same_future_as_often_as_one_likes) {
  const Promise<int> promise;
  EXPECT_EQ(promise.future(), promise.future());
}

TEST(Promise, set_result_finishes_the_future) {
  Promise<std::string> promise;
  promise.set_result(3, 'x');  // as std::string(3, 'x')
  EXPECT_EQ(promise.future().result(), "xxx");
  EXPECT_EQ(to_string(promise.future()), "<Future finished, has a result>");
}

TEST(Promise, a_second_result_raises_invalid_state_error) {
  Promise<int> promise;
  promise.set_result(1);
  EXPECT_THROW(promise.set_result(2), InvalidStateError);
  EXPECT_THROW(promise.set_exception(std::runtime_error("late")), InvalidStateError);
  EXPECT_FALSE(promise.try_set_result(3));
  EXPECT_FALSE(promise.try_set_exception(std::make_exception_ptr(1)));
  EXPECT_EQ(promise.future().result(), 1);
}

TEST(Promise, a_result_after_an_exception_raises_invalid_state_error) {
  Promise<int> promise;
  promise.set_exception(std::runtime_error("first"));
  EXPECT_THROW(promise.set_exception(std::runtime_error("second")), InvalidStateError);
  EXPECT_THROW(promise.set_result(1), InvalidStateError);
  EXPECT_THROW(promise.future().result(), std::runtime_error);
  EXPECT_EQ(describe(promise.future().exception()), "std::runtime_error: first");
}

TEST(Promise, the_error_of_a_second_result_shows_the_future) {
  Promise<int> promise;
  promise.set_result(1);
  try {
    promise.set_result(2);
    FAIL() << "nothing was raised";
  } catch (const InvalidStateError& error) {
    EXPECT_NE(std::string(error.what()).find("<Future finished, has a result>"), std::string::npos)
        << error.what();
  }
}

TEST(Promise, a_result_after_a_cancel_raises_invalid_state_error) {
  Promise<int> promise;
  EXPECT_TRUE(promise.future().cancel());
  EXPECT_THROW(promise.set_result(1), InvalidStateError);
  EXPECT_THROW(promise.set_exception(std::runtime_error("late")), InvalidStateError);
  EXPECT_FALSE(promise.try_set_result(1));
  EXPECT_THROW(promise.future().result(), CancelledError);
}

TEST(Promise, takes_an_exception_of_any_type) {
  Promise<int> with_object;
  with_object.set_exception(std::out_of_range("7"));
  EXPECT_THROW(with_object.future().result(), std::out_of_range);
  Promise<int> with_pointer;
  with_pointer.set_exception(std::make_exception_ptr(42));
  EXPECT_THROW(with_pointer.future().result(), int);
  Promise<int> falsey;
  falsey.set_exception(FalseyError());
  EXPECT_THROW(falsey.future().result(), FalseyError);
  EXPECT_NE(falsey.future().exception(), nullptr);
}

TEST(Promise, a_null_exception_raises_value_error_and_changes_nothing) {
  Promise<int> promise;
  EXPECT_THROW(promise.set_exception(std::exception_ptr()), ValueError);
  EXPECT_THROW(promise.try_set_exception(nullptr), ValueError);
  EXPECT_FALSE(promise.future().done());
  promise.set_result(1);
  EXPECT_EQ(promise.future().result(), 1);
}

TEST(Promise, a_result_that_cannot_be_made_is_an_exception) {
  Promise<ThrowsOnConstruction> promise;
  promise.set_result(1);
  EXPECT_THROW(promise.future().result(), std::runtime_error);
}

TEST(Promise, of_void_takes_no_value) {
  Promise<void> promise;
  promise.set_result();
  EXPECT_NO_THROW(promise.future().result());
}

TEST(Promise, dropped_without_result_raises_broken_promise_from_the_future) {
  Future<int> future;
  {
    const Promise<int> promise;
    future = promise.future();
  }
  EXPECT_TRUE(future.done());
  EXPECT_THROW(future.result(), BrokenPromise);
  EXPECT_NE(future.exception(), nullptr);
}

TEST(Promise, dropped_wakes_who_waits) {
  auto promise = std::make_unique<Promise<int>>();
  std::thread waiter(
      [future = promise->future()] { EXPECT_THROW(future.result(), BrokenPromise); });
  promise.reset();
  waiter.join();
}

TEST(Promise, dropped_after_a_start_is_broken_too) {
  Future<int> future;
  {
    Promise<int> promise;
    future = promise.future();
    EXPECT_TRUE(promise.set_running_or_notify_cancel());
  }
  EXPECT_THROW(future.result(), BrokenPromise);
}

TEST(Promise, dropped_after_its_end_changes_nothing) {
  Future<int> finished;
  Future<int> cancelled;
  {
    Promise<int> one;
    finished = one.future();
    one.set_result(1);
    const Promise<int> two;
    cancelled = two.future();
    cancelled.cancel();
  }
  EXPECT_EQ(finished.result(), 1);
  EXPECT_THROW(cancelled.result(), CancelledError);
}

TEST(Promise, a_moved_one_is_empty_and_breaks_nothing) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  {
    Promise<int> moved = std::move(promise);
    EXPECT_FALSE(future.done());
    promise = std::move(moved);
  }
  EXPECT_FALSE(future.done());
  const Promise<int> last = std::move(promise);
  EXPECT_THROW(promise.set_result(1), InvalidStateError);  // NOLINT(bugprone-use-after-move)
  EXPECT_THROW(promise.set_running_or_notify_cancel(), InvalidStateError);
  EXPECT_FALSE(future.done());
}

TEST(Promise, assignment_breaks_the_one_that_is_replaced) {
  Promise<int> promise;
  const Future<int> replaced = promise.future();
  promise = Promise<int>();
  EXPECT_THROW(replaced.result(), BrokenPromise);
  EXPECT_FALSE(promise.future().done());
}

TEST(SetRunningOrNotifyCancel, of_a_pending_promise_starts_it) {
  Promise<int> promise;
  EXPECT_TRUE(promise.set_running_or_notify_cancel());
  EXPECT_TRUE(promise.future().running());
  EXPECT_FALSE(promise.future().cancel());
  EXPECT_FALSE(promise.future().cancelled());
  promise.set_result(1);
  EXPECT_EQ(promise.future().result(), 1);
}

TEST(SetRunningOrNotifyCancel, of_a_cancelled_promise_is_false) {
  Promise<int> promise;
  promise.future().cancel();
  EXPECT_FALSE(promise.set_running_or_notify_cancel());
  EXPECT_TRUE(promise.future().cancelled());
  EXPECT_TRUE(promise.future().done());
  EXPECT_TRUE(promise.future().cancel());
  EXPECT_EQ(to_string(promise.future()), "<Future cancelled>");
}

// Calls it in a state that it does not expect.
void raises_and_logs(Promise<int>& promise) {
  const LogHandler before = set_log_handler(&remember);
  logged.clear();
  EXPECT_THROW(promise.set_running_or_notify_cancel(), RuntimeError);
  set_log_handler(before);
  ASSERT_EQ(logged.size(), 1U);
  EXPECT_TRUE(logged[0].starts_with("critical coeval.futures: ")) << logged[0];
  EXPECT_NE(logged[0].find("unexpected state"), std::string::npos) << logged[0];
}

TEST(SetRunningOrNotifyCancel, in_any_other_state_raises_and_logs_a_critical_line) {
  Promise<int> running;
  running.set_running_or_notify_cancel();
  raises_and_logs(running);

  Promise<int> finished;
  finished.set_result(1);
  raises_and_logs(finished);

  Promise<int> failed;
  failed.set_exception(std::runtime_error("no"));
  raises_and_logs(failed);

  Promise<int> notified;
  notified.future().cancel();
  notified.set_running_or_notify_cancel();
  raises_and_logs(notified);
}

TEST(Promise, racing_a_cancel_has_one_winner) {
  for (int round = 0; round < 300; ++round) {
    Promise<int> promise;
    const Future<int> future = promise.future();
    std::atomic<int> callbacks = 0;
    future.add_done_callback([&callbacks](const Future<int>&) { ++callbacks; });
    bool cancelled = false;
    std::thread canceller([&] { cancelled = future.cancel(); });
    const bool set = promise.try_set_result(1);
    canceller.join();
    EXPECT_NE(set, cancelled);
    EXPECT_EQ(future.cancelled(), cancelled);
    EXPECT_EQ(callbacks, 1);
  }
}

TEST(Promise, a_cancelled_future_is_done_at_once_for_those_who_wait) {
  // CPython tells waiters only when the executor sees the cancellation; here it holds at once.
  const Promise<int> promise;
  const Future<int> future = promise.future();
  std::thread canceller([&future] { future.cancel(); });
  EXPECT_TRUE(future.wait());
  EXPECT_EQ(wait(std::vector{future}).done.size(), 1U);
  canceller.join();
}

}  // namespace
}  // namespace coeval
