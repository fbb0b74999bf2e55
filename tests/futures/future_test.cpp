// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/future.hpp>

#include <coeval/executors/inline_executor.hpp>
#include <coeval/futures/any_future.hpp>
#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;

// Counts the copies that are made of it.
class Counted {
 public:
  explicit Counted(int& copies) : copies_(&copies) {}
  Counted(const Counted& other) : copies_(other.copies_) { ++*copies_; }
  Counted(Counted&&) noexcept = default;
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() = default;

 private:
  int* copies_;
};

template <class T>
Future<std::remove_cvref_t<T>> ready(T&& value) {
  Promise<std::remove_cvref_t<T>> promise;
  promise.set_result(std::forward<T>(value));
  return promise.future();
}

TEST(Future, is_a_pointer_that_copies_and_moves_without_throwing) {
  static_assert(sizeof(Future<std::string>) == sizeof(void*));
  static_assert(std::is_nothrow_copy_constructible_v<Future<int>>);
  static_assert(std::is_nothrow_move_constructible_v<Future<int>>);
  static_assert(std::is_nothrow_copy_assignable_v<Future<int>>);
  static_assert(std::is_nothrow_move_assignable_v<Future<int>>);
  static_assert(std::is_same_v<Future<int>::value_type, int>);
}

TEST(Future, an_empty_one_raises_invalid_state_error_from_every_call) {
  Future<int> empty;
  EXPECT_FALSE(empty.valid());
  EXPECT_THROW(static_cast<void>(empty.done()), InvalidStateError);
  EXPECT_THROW(static_cast<void>(empty.running()), InvalidStateError);
  EXPECT_THROW(static_cast<void>(empty.cancelled()), InvalidStateError);
  EXPECT_THROW(empty.cancel(), InvalidStateError);
  EXPECT_THROW(empty.stop(), InvalidStateError);
  EXPECT_THROW(empty.wait(), InvalidStateError);
  EXPECT_THROW(empty.result(), InvalidStateError);
  EXPECT_THROW(Future<int>().result(), InvalidStateError);
  EXPECT_THROW(empty.take(), InvalidStateError);
  EXPECT_THROW(empty.exception(), InvalidStateError);
  EXPECT_THROW(empty.add_done_callback([](const Future<int>&) {}), InvalidStateError);
  EXPECT_THROW(empty.then([](int n) { return n; }), InvalidStateError);
  EXPECT_EQ(to_string(empty), "<Future empty>");
}

TEST(Future, the_error_of_an_empty_one_names_the_call) {
  try {
    Future<int>().take();
    FAIL() << "nothing was raised";
  } catch (const InvalidStateError& error) {
    EXPECT_NE(std::string(error.what()).find("take"), std::string::npos) << error.what();
  }
}

TEST(Future, a_moved_one_is_empty) {
  Future<int> future = ready(1);
  const Future<int> moved = std::move(future);
  EXPECT_FALSE(future.valid());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(moved.result(), 1);
}

TEST(Future, assignment_shares_the_result) {
  Future<int> future = ready(1);
  const Future<int> other = ready(2);
  future = other;
  EXPECT_EQ(future, other);
  EXPECT_EQ(future.result(), 2);
  Future<int>& self = future;
  future = self;
  EXPECT_EQ(future.result(), 2);
  future = std::move(self);
  EXPECT_EQ(future.result(), 2);
  future = Future<int>();
  EXPECT_FALSE(future.valid());
}

TEST(Future, equality_is_that_of_the_shared_result) {
  const Future<int> a = ready(1);
  const Future<int> b = ready(1);
  const Future<int> copy = a;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(a, copy);
  EXPECT_NE(a, b);
  EXPECT_EQ(AnyFuture(a), AnyFuture(copy));
  EXPECT_EQ(AnyFuture(a), a);
  EXPECT_EQ(Future<int>(), Future<int>());
}

TEST(Future, equal_ones_have_one_hash) {
  const Future<int> a = ready(1);
  const Future<int> b = ready(1);
  const std::unordered_set<Future<int>> set{a, b, Future<int>(a)};
  EXPECT_EQ(set.size(), 2U);
  const std::unordered_set<AnyFuture> any{a, AnyFuture(a), b};
  EXPECT_EQ(any.size(), 2U);
  EXPECT_EQ(std::hash<AnyFuture>()(a), std::hash<Future<int>>()(a));
}

TEST(Future, result_of_a_named_one_is_a_reference_without_a_copy) {
  int copies = 0;
  const Future<Counted> future = ready(Counted(copies));
  static_assert(std::is_same_v<decltype(future.result()), const Counted&>);
  const Counted& first = future.result();
  EXPECT_EQ(&first, &future.result());
  EXPECT_EQ(copies, 0);
}

TEST(Future, result_of_the_last_one_moves_the_value_out) {
  int copies = 0;
  Future<Counted> future = ready(Counted(copies));
  static_assert(std::is_same_v<decltype(std::move(future).result()), Counted>);
  std::move(future).result();
  EXPECT_EQ(copies, 0);
}

TEST(Future, result_of_a_temporary_copies_while_others_share_it) {
  int copies = 0;
  const Future<Counted> future = ready(Counted(copies));
  Future<Counted>(future).result();
  EXPECT_EQ(copies, 1);
  EXPECT_NO_THROW(future.result());
}

TEST(Future, result_of_a_submission_moves) {
  int copies = 0;
  InlineExecutor pool;
  pool.submit([&copies] { return Counted(copies); }).result();
  EXPECT_EQ(copies, 0);
}

TEST(Future, result_of_a_temporary_takes_what_cannot_be_copied) {
  const Future<std::unique_ptr<int>> future = ready(std::make_unique<int>(5));
  EXPECT_EQ(*Future<std::unique_ptr<int>>(future).result(), 5);
  EXPECT_THROW(future.result(), InvalidStateError);
}

// std::vector has a copy constructor, which fails for these elements.
TEST(Future, result_of_a_temporary_takes_a_container_of_what_cannot_be_copied) {
  const auto boxes = [] {
    std::vector<std::unique_ptr<int>> all;
    all.push_back(std::make_unique<int>(5));
    return all;
  };
  InlineExecutor pool;
  EXPECT_EQ(*pool.submit(boxes).result().front(), 5);
  using Boxes = std::optional<std::vector<std::unique_ptr<int>>>;
  const Future<Boxes> future = pool.submit([boxes] { return Boxes(boxes()); });
  EXPECT_EQ(*Future<Boxes>(future).result()->front(), 5);
  EXPECT_THROW(future.result(), InvalidStateError);
}

TEST(Future, take_moves_the_value_out_once) {
  int copies = 0;
  Future<Counted> future = ready(Counted(copies));
  Future<Counted> other = future;
  future.take();
  EXPECT_EQ(copies, 0);
  EXPECT_THROW(other.take(), InvalidStateError);
  EXPECT_THROW(other.result(), InvalidStateError);
  EXPECT_TRUE(other.done());
  EXPECT_FALSE(other.cancelled());
  EXPECT_EQ(other.exception(), nullptr);
  EXPECT_EQ(to_string(other), "<Future finished, result taken>");
}

TEST(Future, take_by_several_threads_succeeds_for_one) {
  for (int round = 0; round < 100; ++round) {
    const Future<std::unique_ptr<int>> future = ready(std::make_unique<int>(5));
    std::atomic<int> taken = 0;
    const auto take = [&taken, &future] {
      try {
        taken += *Future<std::unique_ptr<int>>(future).take();
      } catch (const InvalidStateError&) {
        // The other thread was faster.
      }
    };
    std::thread other(take);
    take();
    other.join();
    EXPECT_EQ(taken, 5);
  }
}

TEST(Future, take_raises_the_exception_and_leaves_it) {
  Promise<int> promise;
  promise.set_exception(std::runtime_error("no"));
  Future<int> future = promise.future();
  EXPECT_THROW(future.take(), std::runtime_error);
  EXPECT_THROW(future.take(), std::runtime_error);
}

TEST(Future, of_void_has_no_value_to_take) {
  Promise<void> promise;
  promise.set_result();
  Future<void> future = promise.future();
  future.take();
  future.take();
  future.result();
  static_assert(std::is_void_v<decltype(future.result())>);
}

TEST(Future, result_waits_until_the_deadline) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  EXPECT_THROW(future.result(0s), TimeoutError);
  const auto waits_until_it = [](auto wait) {
    const Deadline deadline = 5ms;
    wait(deadline);
    EXPECT_TRUE(deadline.expired());
  };
  waits_until_it([&](Deadline deadline) { EXPECT_THROW(future.result(deadline), TimeoutError); });
  waits_until_it(
      [&](Deadline deadline) { EXPECT_THROW(future.exception(deadline), TimeoutError); });
  waits_until_it(
      [&](Deadline deadline) { EXPECT_THROW(promise.future().take(deadline), TimeoutError); });
  waits_until_it(
      [&](Deadline deadline) { EXPECT_THROW(promise.future().result(deadline), TimeoutError); });
  waits_until_it([&](Deadline deadline) { EXPECT_FALSE(future.wait(deadline)); });
  const auto when = std::chrono::steady_clock::now() + 5ms;
  EXPECT_THROW(future.result(when), TimeoutError);
  EXPECT_GE(std::chrono::steady_clock::now(), when);
  promise.set_result(4);
  EXPECT_EQ(future.result(0s), 4);
}

TEST(Future, a_wait_of_many_threads_ends_for_all) {
  Promise<std::string> promise;
  const Future<std::string> future = promise.future();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&future] { EXPECT_EQ(future.result(), "done"); });
  }
  promise.set_result("done");
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Future, what_the_setter_did_is_visible_to_the_reader) {
  int plain = 0;
  Promise<void> promise;
  std::thread reader([&plain, future = promise.future()] {
    future.result();
    EXPECT_EQ(plain, 1);
  });
  plain = 1;
  promise.set_result();
  reader.join();
}

TEST(Future, a_result_may_be_a_reference_wrapper_a_pointer_or_a_bool) {
  int number = 3;
  EXPECT_EQ(&ready(std::ref(number)).result().get(), &number);
  EXPECT_EQ(ready(&number).result(), &number);
  EXPECT_TRUE(ready(true).result());
}

TEST(Future, a_result_may_be_over_aligned) {
  struct alignas(64) Wide {
    char byte = 'w';
  };
  const Future<Wide> future = ready(Wide());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&future.result()) % 64, 0U);
}

TEST(Future, a_result_may_be_another_future) {
  Promise<int> inner;
  const Future<Future<int>> outer = ready(inner.future());
  inner.set_result(3);
  EXPECT_EQ(outer.result().result(), 3);
}

TEST(AnyFuture, waits_and_cancels_but_does_not_read) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  const AnyFuture any = future;
  EXPECT_FALSE(any.wait(0s));
  EXPECT_TRUE(any.cancel());
  EXPECT_TRUE(future.cancelled());
  EXPECT_TRUE(any.wait());
  EXPECT_EQ(to_string(any), "<Future cancelled>");
  EXPECT_FALSE(AnyFuture().valid());
  static_assert(!std::is_constructible_v<Future<int>, AnyFuture>);
}

}  // namespace
}  // namespace coeval
