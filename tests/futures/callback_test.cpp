// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The callbacks of a future.

#include <coeval/core/log.hpp>
#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace coeval {
namespace {

class CallbackTest : public testing::Test {
 protected:
  CallbackTest() : before_(set_log_handler(&remember)) { logged.clear(); }
  ~CallbackTest() override { set_log_handler(before_); }

  static void remember(Severity severity, std::string_view source, std::string_view text) {
    logged.push_back((severity == Severity::error ? "error " : "") + std::string(source) + ": " +
                     std::string(text));
  }

  static inline std::vector<std::string> logged;
  Promise<int> promise_;
  const Future<int> future_ = promise_.future();

 private:
  LogHandler before_;
};

TEST_F(CallbackTest, gets_the_finished_future) {
  int seen = 0;
  future_.add_done_callback([&](const Future<int>& done) {
    EXPECT_EQ(done, future_);
    EXPECT_TRUE(done.done());
    seen = done.result();
  });
  EXPECT_EQ(seen, 0);
  promise_.set_result(5);
  EXPECT_EQ(seen, 5);
}

TEST_F(CallbackTest, gets_the_failed_future) {
  bool called = false;
  future_.add_done_callback([&](const Future<int>& done) {
    EXPECT_THROW(done.result(), std::runtime_error);
    called = true;
  });
  promise_.set_exception(std::runtime_error("no"));
  EXPECT_TRUE(called);
}

TEST_F(CallbackTest, gets_the_cancelled_future_in_the_call_of_cancel) {
  bool called = false;
  future_.add_done_callback([&](const Future<int>& done) {
    EXPECT_TRUE(done.cancelled());
    called = true;
  });
  EXPECT_TRUE(future_.cancel());
  EXPECT_TRUE(called);
  called = false;
  EXPECT_TRUE(future_.cancel());
  EXPECT_FALSE(called);
  EXPECT_FALSE(promise_.set_running_or_notify_cancel());
  EXPECT_FALSE(called);
}

TEST_F(CallbackTest, several_are_called_once_in_the_order_in_which_they_were_added) {
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) {
    future_.add_done_callback([&order, i](const Future<int>&) { order.push_back(i); });
  }
  promise_.set_result(1);
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  }
}

TEST_F(CallbackTest, is_called_in_the_thread_that_completes_the_future) {
  std::thread::id caller;
  future_.add_done_callback([&](const Future<int>&) { caller = std::this_thread::get_id(); });
  std::thread setter([this] { promise_.set_result(1); });
  const std::thread::id expected = setter.get_id();
  setter.join();
  EXPECT_EQ(caller, expected);
}

TEST_F(CallbackTest, added_to_a_finished_future_is_called_at_once) {
  promise_.set_result(1);
  int calls = 0;
  future_.add_done_callback([&](const Future<int>&) { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST_F(CallbackTest, added_to_a_failed_future_is_called_at_once) {
  promise_.set_exception(std::runtime_error("no"));
  int calls = 0;
  future_.add_done_callback([&](const Future<int>& done) { calls += done.done() ? 1 : 0; });
  EXPECT_EQ(calls, 1);
}

TEST_F(CallbackTest, added_to_a_cancelled_future_is_called_at_once) {
  future_.cancel();
  int calls = 0;
  future_.add_done_callback([&](const Future<int>& done) { calls += done.cancelled() ? 1 : 0; });
  EXPECT_EQ(calls, 1);
}

TEST_F(CallbackTest, one_that_raises_is_logged_and_the_others_run) {
  std::vector<int> order;
  future_.add_done_callback([&](const Future<int>&) { order.push_back(1); });
  future_.add_done_callback([](const Future<int>&) { throw std::runtime_error("in callback"); });
  future_.add_done_callback([](const Future<int>&) { throw 42; });
  future_.add_done_callback([&](const Future<int>&) { order.push_back(2); });
  promise_.set_result(1);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  ASSERT_EQ(logged.size(), 2U);
  EXPECT_TRUE(logged[0].starts_with("error coeval.futures: ")) << logged[0];
  EXPECT_NE(logged[0].find("std::runtime_error: in callback"), std::string::npos) << logged[0];
  EXPECT_NE(logged[1].find("int"), std::string::npos) << logged[1];
  EXPECT_EQ(future_.result(), 1);
}

TEST_F(CallbackTest, one_that_raises_at_once_is_logged_and_goes_no_further) {
  promise_.set_result(1);
  EXPECT_NO_THROW(future_.add_done_callback(
      [](const Future<int>&) { throw std::runtime_error("in callback"); }));
  EXPECT_EQ(logged.size(), 1U);
}

TEST_F(CallbackTest, may_be_move_only) {
  int seen = 0;
  future_.add_done_callback(
      [&seen, box = std::make_unique<int>(4)](const Future<int>& f) { seen = *box + f.result(); });
  promise_.set_result(1);
  EXPECT_EQ(seen, 5);
}

TEST_F(CallbackTest, is_destroyed_when_it_has_run) {
  auto token = std::make_shared<int>(1);
  future_.add_done_callback([token](const Future<int>&) {});
  EXPECT_EQ(token.use_count(), 2);
  promise_.set_result(1);
  EXPECT_EQ(token.use_count(), 1);
  future_.add_done_callback([token](const Future<int>&) {});
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(CallbackTest, may_add_another) {
  int calls = 0;
  future_.add_done_callback([&](const Future<int>& done) {
    done.add_done_callback([&](const Future<int>&) { ++calls; });
    ++calls;
  });
  promise_.set_result(1);
  EXPECT_EQ(calls, 2);
}

TEST_F(CallbackTest, may_drop_the_last_future) {
  auto promise = std::make_unique<Promise<std::string>>();
  auto future = std::make_unique<Future<std::string>>(promise->future());
  future->add_done_callback([&future](Future<std::string> done) {
    future.reset();
    EXPECT_EQ(done.result(), "text");
  });
  promise->set_result("text");
  EXPECT_EQ(future, nullptr);
}

TEST_F(CallbackTest, may_take_the_result) {
  std::string taken;
  Promise<std::string> promise;
  promise.future().add_done_callback([&](Future<std::string> done) { taken = done.take(); });
  promise.set_result("text");
  EXPECT_EQ(taken, "text");
  EXPECT_THROW(promise.future().result(), InvalidStateError);
}

TEST_F(CallbackTest, racing_the_completion_is_called_once) {
  for (int round = 0; round < 300; ++round) {
    Promise<int> promise;
    const Future<int> future = promise.future();
    std::atomic<int> calls = 0;
    std::thread adder([&] {
      for (int i = 0; i < 3; ++i) {
        future.add_done_callback([&calls](const Future<int>&) { ++calls; });
      }
    });
    promise.set_result(1);
    adder.join();
    EXPECT_EQ(calls, 3);
  }
}

TEST_F(CallbackTest, runs_and_is_destroyed_when_the_promise_is_broken) {
  auto token = std::make_shared<int>(1);
  {
    const Promise<int> promise;
    promise.future().add_done_callback(
        [token](const Future<int>& done) { EXPECT_THROW(done.result(), BrokenPromise); });
  }
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace coeval
