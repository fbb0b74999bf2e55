// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/throw_stack.hpp>
#include <coeval/pickle/pickle.hpp>

#include <gtest/gtest.h>

#include <signal.h>

#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <system_error>

namespace coeval::pickle {
namespace {

std::exception_ptr crossed(const std::exception_ptr& error) {
  return loads<std::exception_ptr>(dumps(error));
}

// The exception after it crossed, which must be an E and no type derived from it.
template <class E, class Thrown>
E crossed_as(Thrown thrown) {
  try {
    std::rethrow_exception(crossed(std::make_exception_ptr(thrown)));
  } catch (const E& error) {
    EXPECT_EQ(typeid(error), typeid(E));
    return error;
  }
}

template <class E>
void comes_back(E error) {
  EXPECT_STREQ(crossed_as<E>(error).what(), error.what());
}

struct Derived : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Rude : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

TEST(PickledException, of_the_standard_library_comes_back_as_itself) {
  comes_back(std::logic_error("a"));
  comes_back(std::invalid_argument("b"));
  comes_back(std::domain_error("c"));
  comes_back(std::length_error("d"));
  comes_back(std::out_of_range("e"));
  comes_back(std::runtime_error("f"));
  comes_back(std::range_error("g"));
  comes_back(std::overflow_error("h"));
  comes_back(std::underflow_error("i"));
  comes_back(std::bad_alloc());
  comes_back(std::bad_cast());
  comes_back(std::bad_optional_access());
  comes_back(std::bad_variant_access());
  comes_back(std::system_error(ENOSPC, std::generic_category(), "writing"));
  comes_back(std::system_error(std::error_code(ENOSPC, std::system_category())));
  EXPECT_EQ(
      crossed_as<std::system_error>(std::system_error(ENOSPC, std::generic_category(), "writing"))
          .code(),
      std::errc::no_space_on_device);
}

TEST(PickledException, of_the_library_comes_back_as_itself) {
  comes_back(Error("a"));
  comes_back(TimeoutError("b"));
  comes_back(CancelledError("c"));
  comes_back(BrokenThreadPool("d"));
  comes_back(PickleError("e"));
  comes_back(OwnerDied("f"));
  comes_back(RemoteError("Type", "message", "stack"));
  EXPECT_EQ(crossed_as<RemoteError>(RemoteError("Type", "message", "stack")).stack(), "stack");
  EXPECT_EQ(crossed_as<SystemExit>(SystemExit(7)).code(), 7);
  const ExceptionGroup group("two failed", {std::make_exception_ptr(std::out_of_range("x")),
                                            std::make_exception_ptr(TimeoutError("y"))});
  comes_back(group);
  EXPECT_EQ(crossed_as<ExceptionGroup>(group).exceptions().size(), 2U);
}

// Its text ends at the first null character, which hostile bytes may hold.
TEST(PickledException, of_a_dead_worker_keeps_its_stack_apart) {
  const WorkerDied died("died", -SIGSEGV, 42, "  at f");
  comes_back(died);
  EXPECT_EQ(crossed_as<WorkerDied>(died).stack(), "  at f");
  comes_back(WorkerDied("a line\n", 1, 42));
  using namespace std::string_literals;
  const auto odd = crossed_as<WorkerDied>(WorkerDied("a\0b"s, -SIGSEGV, 42, "a long stack"));
  EXPECT_STREQ(odd.what(), "a\na long stack");
  EXPECT_EQ(odd.stack(), "a long stack");
}

TEST(PickledException, of_another_type_is_a_RemoteError_with_its_name) {
  const auto derived = crossed_as<RemoteError>(Derived("no more"));
  EXPECT_NE(derived.type().find("Derived"), std::string::npos);
  EXPECT_EQ(derived.message(), "no more");
  EXPECT_EQ(crossed_as<RemoteError>(Rude()).message(), "");
  EXPECT_EQ(crossed_as<RemoteError>(std::future_error(std::future_errc::no_state)).type(),
            "std::future_error");
}

TEST(PickledException, that_is_no_std_exception_tells_what_it_can) {
  EXPECT_EQ(crossed_as<RemoteError>(7).message(), "7");
  EXPECT_EQ(crossed_as<RemoteError>(std::string("text")).message(), "text");
  EXPECT_EQ(crossed_as<RemoteError>(static_cast<const char*>("literal")).message(), "literal");
  EXPECT_EQ(crossed_as<RemoteError>(1.5).type(), "double");
}

TEST(PickledException, keeps_what_is_nested_in_it) {
  std::exception_ptr thrown;
  try {
    try {
      try {
        throw Derived("the disk");
      } catch (...) {
        std::throw_with_nested(std::out_of_range("the page"));
      }
    } catch (...) {
      std::throw_with_nested(TimeoutError("the book"));
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  const std::string text = describe(crossed(thrown));
  EXPECT_TRUE(
      text.starts_with("coeval::TimeoutError: the book ← std::out_of_range: the page ← "
                       "coeval::RemoteError: "))
      << text;
}

__attribute__((noinline)) void read_row(int n) {
  if (n > 0) {
    throw Derived("no row");
  }
}

TEST(PickledException, of_another_type_brings_its_stack_along_if_its_throw_was_watched) {
  ThrowStack stack;
  OutputArchive output;
  try {
    stack.watch([] { read_row(1); });
  } catch (...) {
    write_exception(output, std::current_exception(), stack.text());
  }
  const Bytes bytes = output.take().bytes;
  try {
    std::rethrow_exception(InputArchive(bytes).read<std::exception_ptr>());
  } catch (const RemoteError& error) {
    EXPECT_EQ(error.message(), "no row");
    EXPECT_NE(error.stack().find("read_row ("), std::string::npos) << error.stack();
    EXPECT_EQ(error.stack(), stack.text());
    EXPECT_EQ(error.what(), error.type() + ": no row\n" + error.stack());
  }
  // One that is a RemoteError already keeps what it brought.
  OutputArchive again;
  write_exception(again, std::make_exception_ptr(RemoteError("T", "m", "first")), "second");
  const Bytes more = again.take().bytes;
  try {
    std::rethrow_exception(InputArchive(more).read<std::exception_ptr>());
  } catch (const RemoteError& error) {
    EXPECT_EQ(error.stack(), "first");
  }
}

TEST(PickledException, may_be_none) {
  EXPECT_EQ(crossed(nullptr), nullptr);
}

}  // namespace
}  // namespace coeval::pickle
