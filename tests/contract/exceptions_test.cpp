// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <cerrno>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace coeval::contract {
namespace {

template <class Case>
class ExceptionsTest : public ExecutorTest<Case> {};

// An exception of the program's own, with what a handler needs.
class ParseError : public std::exception {
 public:
  explicit ParseError(int line) : line_(line), text_("line " + std::to_string(line)) {}
  const char* what() const noexcept override { return text_.c_str(); }
  int line() const { return line_; }

 private:
  int line_;
  std::string text_;
};

// Python's falsey exception: one that looks like nothing.
struct LooksFalse : std::exception {
  explicit operator bool() const { return false; }
};

// What arrives for an exception that is not of the standard's or the library's.
template <class Case, class E>
using Arriving = std::conditional_t<Case::crosses, RemoteError, E>;

void raise_parse_error(int line) {
  throw ParseError(line);
}
void raise_system_error() {
  throw std::system_error(EACCES, std::generic_category(), "open");
}
void raise_int(int n) {
  throw n;
}
void raise_null() {
  throw nullptr;
}
void raise_looks_false() {
  throw LooksFalse();
}
void raise_bad_alloc() {
  throw std::bad_alloc();
}
void raise_nested() {
  try {
    throw ParseError(3);
  } catch (...) {
    std::throw_with_nested(std::runtime_error("cannot load"));
  }
}

CONTRACT_TEST(ExceptionsTest, result_raises_what_the_task_raised) {
  const Future<int> future = this->pool_.submit(raise_error);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no route");
  }
  EXPECT_TRUE(future.done());
  EXPECT_FALSE(future.cancelled());
}

CONTRACT_TEST(ExceptionsTest, each_read_raises_again) {
  const Future<int> future = this->pool_.submit(raise_error);
  EXPECT_THROW(future.result(), std::runtime_error);
  EXPECT_THROW(future.result(), std::runtime_error);
  EXPECT_THROW(Future<int>(future).result(), std::runtime_error);
  EXPECT_THROW(Future<int>(future).take(), std::runtime_error);
}

CONTRACT_TEST(ExceptionsTest, exception_returns_it_or_null) {
  EXPECT_EQ(this->pool_.submit(square, 1).exception(), nullptr);
  const Future<int> future = this->pool_.submit(raise_error);
  const std::exception_ptr error = future.exception();
  ASSERT_NE(error, nullptr);
  EXPECT_THROW(std::rethrow_exception(error), std::runtime_error);
  EXPECT_EQ(describe(error), "std::runtime_error: no route");
}

CONTRACT_TEST(ExceptionsTest, a_type_of_the_programs_own_keeps_what_it_carries) {
  const Future<void> future = this->pool_.submit(raise_parse_error, 12);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const Arriving<TypeParam, ParseError>& error) {
    if constexpr (TypeParam::crosses) {
      EXPECT_NE(error.type().find("ParseError"), std::string::npos) << error.type();
      EXPECT_EQ(error.message(), "line 12");
    } else {
      EXPECT_EQ(error.line(), 12);
      EXPECT_STREQ(error.what(), "line 12");
    }
  }
}

CONTRACT_TEST(ExceptionsTest, a_system_error_keeps_its_code) {
  const Future<void> future = this->pool_.submit(raise_system_error);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::permission_denied);
  }
}

CONTRACT_TEST(ExceptionsTest, what_is_no_standard_exception_passes_too) {
  const Future<void> future = this->pool_.submit(raise_int, 42);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const Arriving<TypeParam, int>& number) {
    if constexpr (TypeParam::crosses) {
      EXPECT_EQ(number.type(), "int");
      EXPECT_EQ(number.message(), "42");
    } else {
      EXPECT_EQ(number, 42);
    }
  }
}

CONTRACT_TEST(ExceptionsTest, one_that_looks_like_nothing_is_raised) {
  using LooksFalseHere = Arriving<TypeParam, LooksFalse>;
  using NullHere = Arriving<TypeParam, std::nullptr_t>;
  using IntHere = Arriving<TypeParam, int>;
  EXPECT_THROW(this->pool_.submit(raise_looks_false).result(), LooksFalseHere);
  EXPECT_THROW(this->pool_.submit(raise_null).result(), NullHere);
  EXPECT_THROW(this->pool_.submit(raise_int, 0).result(), IntHere);
  EXPECT_NE(this->pool_.submit(raise_null).exception(), nullptr);
}

CONTRACT_TEST(ExceptionsTest, a_nested_one_keeps_its_cause) {
  const Future<void> future = this->pool_.submit(raise_nested);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "cannot load");
    using Cause = Arriving<TypeParam, ParseError>;
    EXPECT_THROW(std::rethrow_if_nested(error), Cause);
  }
}

CONTRACT_TEST(ExceptionsTest, those_of_the_library_pass_as_the_tasks_own) {
  EXPECT_THROW(this->pool_.submit([] { throw TimeoutError("mine"); }).result(), TimeoutError);
  const Future<void> future = this->pool_.submit([] { throw CancelledError("mine"); });
  EXPECT_THROW(future.result(), CancelledError);
  EXPECT_FALSE(future.cancelled());
  EXPECT_NE(future.exception(), nullptr);
}

CONTRACT_TEST(ExceptionsTest, a_group_keeps_its_members) {
  const Future<void> future = this->pool_.submit([] {
    throw ExceptionGroup("two", {std::make_exception_ptr(ValueError("a")),
                                 std::make_exception_ptr(ValueError("b"))});
  });
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const ExceptionGroup& group) {
    ASSERT_EQ(group.exceptions().size(), 2U);
    EXPECT_EQ(describe(group.exceptions()[1]), "coeval::ValueError: b");
  }
}

CONTRACT_TEST(ExceptionsTest, bad_alloc_in_a_task_costs_that_task_only) {
  EXPECT_THROW(this->pool_.submit(raise_bad_alloc).result(), std::bad_alloc);
  EXPECT_EQ(this->pool_.submit(square, 3).result(), 9);
}

CONTRACT_TEST(ExceptionsTest, many_failures_leave_the_executor_as_it_was) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(this->pool_.submit(raise_if_negative, i % 2 == 0 ? i : -i));
  }
  for (int i = 0; i < 200; ++i) {
    const Future<int>& future = futures[static_cast<std::size_t>(i)];
    if (i % 2 == 0) {
      EXPECT_EQ(future.result(), i);
    } else {
      EXPECT_THROW(future.result(), std::invalid_argument);
    }
  }
}

CONTRACT_TEST(ExceptionsTest, several_threads_may_read_one_exception) {
  const Future<void> future = this->pool_.submit(raise_parse_error, 12);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    using Raised = Arriving<TypeParam, ParseError>;
    threads.emplace_back([&future] { EXPECT_THROW(future.result(), Raised); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace coeval::contract
