// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval {
namespace {

template <class E>
std::exception_ptr error_of(E error) {
  return std::make_exception_ptr(std::move(error));
}

struct NoStandardException {};

struct SilentException : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

// What a handler of the error inside a handler of the cause gets: std::throw_with_nested.
template <class Inner, class Outer>
std::exception_ptr nested(Inner inner, Outer outer) {
  try {
    try {
      throw std::move(inner);
    } catch (...) {
      std::throw_with_nested(std::move(outer));
    }
  } catch (...) {
    return std::current_exception();
  }
}

TEST(Errors, form_one_tree_with_pythons_names) {
  static_assert(std::is_base_of_v<std::runtime_error, Error>);
  static_assert(std::is_base_of_v<Error, RuntimeError>);
  static_assert(std::is_base_of_v<Error, ValueError>);
  static_assert(std::is_base_of_v<Error, InvalidStateError>);
  static_assert(std::is_base_of_v<Error, CancelledError>);
  static_assert(std::is_base_of_v<Error, TimeoutError>);
  static_assert(std::is_base_of_v<Error, QueueFull>);
  static_assert(std::is_base_of_v<Error, QueueEmpty>);
  static_assert(std::is_base_of_v<Error, BrokenPromise>);
  static_assert(std::is_base_of_v<RuntimeError, BrokenBarrierError>);
  static_assert(std::is_base_of_v<RuntimeError, BrokenExecutor>);
  static_assert(std::is_base_of_v<BrokenExecutor, BrokenThreadPool>);
  static_assert(std::is_base_of_v<Error, ExceptionGroup>);
  static_assert(std::is_base_of_v<Error, SystemExit>);
  static_assert(!std::is_base_of_v<RuntimeError, TimeoutError>);
}

TEST(Errors, are_caught_as_error_and_keep_their_text) {
  try {
    throw BrokenThreadPool("the initializer failed");
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the initializer failed");
  }
}

TEST(Errors, copies_keep_type_and_text) {
  static_assert(std::is_nothrow_copy_constructible_v<TimeoutError>);
  const TimeoutError error("late");
  const TimeoutError copy = error;
  EXPECT_STREQ(copy.what(), "late");
}

TEST(ExceptionGroup, counts_and_describes_what_it_holds) {
  const ExceptionGroup group(
      "two tasks failed", {error_of(std::runtime_error("no route")), error_of(ValueError("-1"))});
  EXPECT_STREQ(group.what(),
               "two tasks failed (2 exceptions)\n"
               "  | std::runtime_error: no route\n"
               "  | coeval::ValueError: -1");
  EXPECT_EQ(group.exceptions().size(), 2U);
  EXPECT_THROW(std::rethrow_exception(group.exceptions()[1]), ValueError);
}

TEST(ExceptionGroup, counts_one_in_the_singular) {
  const ExceptionGroup group("shutdown", {error_of(7)});
  EXPECT_STREQ(group.what(), "shutdown (1 exception)\n  | int");
}

TEST(ExceptionGroup, without_exceptions_raises_value_error) {
  EXPECT_THROW(ExceptionGroup("nothing", {}), ValueError);
}

TEST(ExceptionGroup, with_a_null_exception_raises_value_error) {
  EXPECT_THROW(ExceptionGroup("null", {error_of(1), nullptr}), ValueError);
}

TEST(ExceptionGroup, holds_groups) {
  const ExceptionGroup inner("inner", {error_of(ValueError("a"))});
  const ExceptionGroup outer("outer", {error_of(inner), error_of(ValueError("b"))});
  const std::string text = outer.what();
  EXPECT_NE(text.find("coeval::ExceptionGroup: inner (1 exception)"), std::string::npos);
  EXPECT_NE(text.find("coeval::ValueError: a"), std::string::npos);
  EXPECT_NE(text.find("coeval::ValueError: b"), std::string::npos);
}

TEST(ExceptionGroup, copies_share_the_exceptions) {
  const ExceptionGroup group("one", {error_of(ValueError("a"))});
  ExceptionGroup copy("other", {error_of(1)});
  copy = group;
  EXPECT_STREQ(copy.what(), group.what());
  EXPECT_EQ(copy.exceptions(), group.exceptions());
}

TEST(SystemExit, carries_the_exit_code) {
  EXPECT_EQ(SystemExit().code(), 0);
  EXPECT_EQ(SystemExit(3).code(), 3);
  EXPECT_STREQ(SystemExit(3).what(), "exit with code 3");
}

TEST(TypeName, is_readable) {
  EXPECT_EQ(type_name(typeid(int)), "int");
  EXPECT_EQ(type_name(typeid(TimeoutError)), "coeval::TimeoutError");
  EXPECT_EQ(type_name(typeid(std::pair<int, long>)), "std::pair<int, long>");
}

TEST(Describe, gives_type_and_text) {
  EXPECT_EQ(describe(error_of(TimeoutError("after 2 s"))), "coeval::TimeoutError: after 2 s");
  EXPECT_EQ(describe(error_of(std::logic_error(""))), "std::logic_error: ");
}

TEST(Describe, names_the_type_of_what_is_no_standard_exception) {
  EXPECT_EQ(describe(error_of(42)), "int");
  EXPECT_NE(describe(error_of(NoStandardException())).find("NoStandardException"),
            std::string::npos);
}

TEST(Describe, of_null_says_so) {
  EXPECT_EQ(describe(nullptr), "no exception");
}

TEST(Describe, shows_nested_exceptions_after_an_arrow) {
  const std::string text =
      describe(nested(std::logic_error("disk full"), RuntimeError("cannot save")));
  EXPECT_NE(text.find("cannot save ← std::logic_error: disk full"), std::string::npos) << text;
}

TEST(Describe, names_the_type_that_the_user_threw_and_not_the_wrapper_of_nesting) {
  const std::string text =
      describe(nested(std::logic_error("disk full"), RuntimeError("cannot save")));
  EXPECT_TRUE(text.starts_with("coeval::RuntimeError: cannot save")) << text;
}

TEST(Describe, shows_a_nested_exception_that_is_no_standard_one) {
  const std::string text = describe(nested(5, RuntimeError("outer")));
  EXPECT_NE(text.find("outer ← int"), std::string::npos) << text;
}

TEST(Describe, follows_a_long_chain) {
  std::exception_ptr error = error_of(std::runtime_error("root"));
  for (int i = 0; i < 100; ++i) {
    try {
      try {
        std::rethrow_exception(error);
      } catch (...) {
        std::throw_with_nested(std::runtime_error("level"));
      }
    } catch (...) {
      error = std::current_exception();
    }
  }
  EXPECT_TRUE(describe(error).ends_with("std::runtime_error: root"));
}

TEST(Describe, bears_an_exception_without_a_text) {
  std::string text;
  EXPECT_NO_THROW(text = describe(error_of(SilentException())));
  EXPECT_NE(text.find("SilentException"), std::string::npos) << text;
}

TEST(Describe, shows_the_system_error_of_a_failed_call) {
  const std::string text = describe(
      error_of(std::system_error(std::make_error_code(std::errc::permission_denied), "fork")));
  EXPECT_TRUE(text.starts_with("std::system_error: fork")) << text;
}

}  // namespace
}  // namespace coeval
