// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/excepthook.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace coeval::threading;
using threading_test::CaptureLog;
using Lines = std::vector<std::string>;

void run_failing(const std::string& name) {
  Thread t({.name = name}, [] { throw std::runtime_error("run failed"); });
  t.start();
  t.join();
}

class ExceptHookTest : public testing::Test {
 protected:
  ~ExceptHookTest() override { set_excepthook({}); }
};

TEST_F(ExceptHookTest, by_default_one_line_is_logged_and_only_that_thread_ends) {
  CaptureLog log;
  run_failing("A");
  EXPECT_EQ(log.text(), (Lines{"coeval.threading: exception in thread 'A': std::runtime_error: "
                               "run failed"}));
}

TEST_F(ExceptHookTest, exceptions_of_any_type_are_described) {
  CaptureLog log;
  Thread t({.name = "B"}, [] { throw 42; });
  t.start();
  t.join();
  ASSERT_EQ(log.text().size(), 1U);
  EXPECT_NE(log.text()[0].find("thread 'B': int"), std::string::npos) << log.text()[0];
}

TEST_F(ExceptHookTest, system_exit_ends_the_thread_silently) {
  CaptureLog log;
  Thread t([] { throw coeval::SystemExit(1); });
  t.start();
  t.join();
  EXPECT_EQ(log.text(), Lines{});
}

TEST_F(ExceptHookTest, a_hook_gets_the_exception_and_the_thread_on_that_thread) {
  CaptureLog log;
  std::string text;
  Thread seen;
  std::uint64_t where = 0;
  set_excepthook([&](const ExceptHookArgs& args) {
    try {
      std::rethrow_exception(args.exception);
    } catch (const std::runtime_error& error) {
      text = error.what();
    }
    seen = args.thread;
    where = get_ident();
  });
  Thread t([] { throw std::runtime_error("run failed"); });
  t.start();
  t.join();
  EXPECT_EQ(text, "run failed");
  EXPECT_EQ(seen, t);
  EXPECT_EQ(where, t.ident());
  EXPECT_EQ(log.text(), Lines{});
}

TEST_F(ExceptHookTest, a_hook_that_fails_is_reported) {
  CaptureLog log;
  set_excepthook([](const ExceptHookArgs&) { throw std::logic_error("hook failed"); });
  run_failing("C");
  EXPECT_EQ(log.text(),
            (Lines{"coeval.threading: exception in excepthook: std::logic_error: hook failed; it "
                   "was called for thread 'C': std::runtime_error: run failed"}));
}

TEST_F(ExceptHookTest, the_one_before_is_returned_and_can_be_put_back) {
  int calls = 0;
  set_excepthook([&](const ExceptHookArgs&) { ++calls; });
  const ExceptHook before = set_excepthook(&default_excepthook);
  CaptureLog log;
  run_failing("D");
  EXPECT_EQ(log.text().size(), 1U);
  EXPECT_EQ(calls, 0);
  set_excepthook(before);
  run_failing("D");
  EXPECT_EQ(log.text().size(), 1U);
  EXPECT_EQ(calls, 1);
  set_excepthook({});
  run_failing("D");
  EXPECT_EQ(log.text().size(), 2U);
}

TEST_F(ExceptHookTest, may_be_called_by_hand_on_any_thread) {
  CaptureLog log;
  const std::string name = current_thread().name();
  excepthook({.exception = std::make_exception_ptr(coeval::ValueError("bug")),
              .thread = current_thread()});
  EXPECT_EQ(log.text(), (Lines{"coeval.threading: exception in thread '" + name +
                               "': coeval::ValueError: bug"}));
}

TEST_F(ExceptHookTest, arguments_are_destroyed_before_the_hook_is_called) {
  auto alive = std::make_shared<int>();
  long count = 0;
  set_excepthook([&](const ExceptHookArgs&) { count = alive.use_count(); });
  Thread t([alive] { throw std::runtime_error("x"); });
  t.start();
  t.join();
  EXPECT_EQ(count, 1);
}

}  // namespace
