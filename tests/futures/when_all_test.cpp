// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/when_all.hpp>

#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace coeval {
namespace {

TEST(WhenAll, gives_a_tuple_in_the_order_given) {
  Promise<int> number;
  Promise<std::string> text;
  Promise<void> nothing;
  const auto all = when_all(number.future(), text.future(), nothing.future());
  static_assert(
      std::is_same_v<decltype(all), const Future<std::tuple<int, std::string, std::monostate>>>);
  nothing.set_result();
  text.set_result("t");
  EXPECT_FALSE(all.done());
  number.set_result(1);
  EXPECT_EQ(all.result(), std::tuple(1, std::string("t"), std::monostate()));
}

TEST(WhenAll, of_a_range_gives_a_vector) {
  std::vector<Promise<int>> promises(3);
  std::vector<Future<int>> futures;
  for (const Promise<int>& promise : promises) {
    futures.push_back(promise.future());
  }
  const Future<std::vector<int>> all = when_all(futures);
  for (int i = 2; i >= 0; --i) {
    EXPECT_FALSE(all.done());
    promises[static_cast<std::size_t>(i)].set_result(i);
  }
  EXPECT_EQ(all.result(), (std::vector<int>{0, 1, 2}));
}

TEST(WhenAll, of_nothing_is_done_at_once) {
  EXPECT_EQ(when_all().result(), std::tuple<>());
  EXPECT_TRUE(when_all(std::vector<Future<int>>()).result().empty());
}

TEST(WhenAll, of_finished_futures_is_done_at_once) {
  Promise<int> promise;
  promise.set_result(3);
  EXPECT_TRUE(when_all(promise.future(), promise.future()).done());
}

TEST(WhenAll, the_first_exception_completes_it_at_once_and_the_others_go_on) {
  Promise<int> bad;
  Promise<int> slow;
  const auto all = when_all(slow.future(), bad.future());
  bad.set_exception(std::out_of_range("bad"));
  EXPECT_TRUE(all.done());
  EXPECT_THROW(all.result(), std::out_of_range);
  EXPECT_FALSE(slow.future().done());
  slow.set_exception(std::runtime_error("late"));
  EXPECT_THROW(all.result(), std::out_of_range);
}

TEST(WhenAll, a_cancelled_source_raises_cancelled_error) {
  Promise<int> one;
  const Promise<int> other;
  const auto all = when_all(one.future(), other.future());
  other.future().cancel();
  EXPECT_TRUE(all.done());
  EXPECT_THROW(all.result(), CancelledError);
  EXPECT_FALSE(one.future().done());
}

TEST(WhenAll, its_cancellation_cancels_the_sources_that_have_not_begun) {
  Promise<int> pending;
  Promise<int> running;
  Promise<int> finished;
  running.set_running_or_notify_cancel();
  finished.set_result(1);
  const auto all = when_all(pending.future(), running.future(), finished.future());
  EXPECT_TRUE(all.cancel());
  EXPECT_TRUE(all.cancelled());
  EXPECT_TRUE(pending.future().cancelled());
  EXPECT_FALSE(running.future().done());
  running.set_result(2);
  EXPECT_EQ(finished.future().result(), 1);
  EXPECT_TRUE(all.cancelled());
}

TEST(WhenAll, copies_results_so_that_the_sources_keep_them) {
  Promise<std::string> promise;
  const auto all = when_all(promise.future());
  promise.set_result("text");
  EXPECT_EQ(std::get<0>(all.result()), "text");
  EXPECT_EQ(promise.future().result(), "text");
}

TEST(WhenAll, takes_results_that_cannot_be_copied) {
  Promise<std::unique_ptr<int>> promise;
  auto all = when_all(promise.future());
  promise.set_result(std::make_unique<int>(5));
  EXPECT_EQ(*std::get<0>(all.take()), 5);
  EXPECT_THROW(promise.future().result(), InvalidStateError);
}

TEST(WhenAll, an_empty_future_raises_invalid_state_error) {
  const Promise<int> promise;
  EXPECT_THROW(when_all(promise.future(), Future<int>()), InvalidStateError);
  EXPECT_THROW(when_all(std::vector{Future<int>()}), InvalidStateError);
  EXPECT_FALSE(promise.future().done());
}

TEST(WhenAll, a_copy_of_a_result_that_raises_is_the_result) {
  struct Uncopyable {
    Uncopyable() = default;
    Uncopyable(const Uncopyable&) { throw std::runtime_error("copy"); }
    Uncopyable(Uncopyable&&) noexcept = default;
  };
  Promise<Uncopyable> promise;
  const auto all = when_all(promise.future());
  promise.set_result();
  EXPECT_THROW(all.result(), std::runtime_error);
}

TEST(WhenAll, nests_and_chains) {
  Promise<int> a;
  Promise<int> b;
  const auto sum = when_all(when_all(a.future()), b.future())
                       .then([](const std::tuple<std::tuple<int>, int>& both) {
                         return std::get<0>(std::get<0>(both)) + std::get<1>(both);
                       });
  a.set_result(1);
  b.set_result(2);
  EXPECT_EQ(sum.result(), 3);
}

TEST(WhenAll, completions_may_race) {
  for (int round = 0; round < 200; ++round) {
    Promise<int> a;
    Promise<int> b;
    const auto all = when_all(a.future(), b.future());
    std::thread other([&a] { a.set_result(1); });
    b.set_result(2);
    EXPECT_EQ(all.result(), std::tuple(1, 2));
    other.join();
  }
}

TEST(WhenAll, a_cancel_may_race_the_last_completion) {
  for (int round = 0; round < 200; ++round) {
    Promise<int> a;
    const auto all = when_all(a.future());
    bool cancelled = false;
    std::thread other([&] { cancelled = all.cancel(); });
    const bool set = a.try_set_result(1);
    other.join();
    EXPECT_TRUE(all.done());
    EXPECT_EQ(all.cancelled(), cancelled);
    EXPECT_TRUE(set || a.future().cancelled());
  }
}

}  // namespace
}  // namespace coeval
