// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/throw_stack.hpp>
#include <coeval/pickle/pickle.hpp>

#include <gtest/gtest.h>

#include <signal.h>

#include <any>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <experimental/any>
#include <experimental/optional>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <variant>
#include <vector>
#include <version>
#if defined(__cpp_lib_format)
#include <format>
#endif

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

TEST(PickledException, of_the_standard_library_without_a_text_comes_back_as_itself) {
  comes_back(std::exception());
  comes_back(std::bad_exception());
  comes_back(std::bad_array_new_length());
  comes_back(std::bad_typeid());
  comes_back(std::bad_function_call());
  comes_back(std::bad_any_cast());
  comes_back(std::bad_weak_ptr());
#if defined(__cpp_lib_format)
  comes_back(std::format_error("j"));
#endif
}

TEST(PickledException, of_a_file_system_comes_back_with_its_code_and_paths) {
  using std::filesystem::filesystem_error;
  const std::error_code code(ENOENT, std::system_category());
  for (const filesystem_error& error :
       {filesystem_error("copy", code), filesystem_error("copy", "/a", code),
        filesystem_error("copy", "/a", "/b", code), filesystem_error("", code),
        filesystem_error("copy", "", code), filesystem_error("copy", "", "", code)}) {
    comes_back(error);
    const auto crossed = crossed_as<filesystem_error>(error);
    EXPECT_EQ(crossed.code(), code);
    EXPECT_EQ(crossed.path1(), error.path1());
    EXPECT_EQ(crossed.path2(), error.path2());
  }
  try {
    static_cast<void>(std::filesystem::file_size("/no such file"));
    FAIL();
  } catch (const filesystem_error& error) {
    comes_back(error);
  }
}

TEST(PickledException, of_a_stream_comes_back_with_its_code) {
  comes_back(std::ios_base::failure("reading"));
  comes_back(std::ios_base::failure("", std::make_error_code(std::errc::io_error)));
  const std::ios_base::failure made("reading", std::error_code(EIO, std::generic_category()));
  EXPECT_EQ(crossed_as<std::ios_base::failure>(made).code(), std::errc::io_error);
  std::istringstream stream;
  stream.exceptions(std::ios_base::failbit);
  try {
    stream.get();
    FAIL();
  } catch (const std::ios_base::failure&) {
    const std::exception_ptr thrown = std::current_exception();
    try {
      std::rethrow_exception(crossed(thrown));
    } catch (const std::ios_base::failure& error) {
      EXPECT_EQ(error.code(), std::io_errc::stream);
      EXPECT_EQ(typeid(error), typeid(std::ios_base::failure));
    }
  }
}

TEST(PickledException, of_a_future_comes_back_with_its_code) {
  for (const auto code : {std::future_errc::broken_promise, std::future_errc::no_state,
                          std::future_errc::promise_already_satisfied}) {
    comes_back(std::future_error(code));
    EXPECT_EQ(crossed_as<std::future_error>(std::future_error(code)).code(), code);
  }
}

TEST(PickledException, of_a_regular_expression_comes_back_with_its_code_and_text) {
  comes_back(std::regex_error(std::regex_constants::error_brack));
  try {
    const std::regex wrong("(");
    FAIL();
  } catch (const std::regex_error& error) {
    comes_back(error);
    EXPECT_EQ(crossed_as<std::regex_error>(error).code(), std::regex_constants::error_paren);
  }
}

struct Category final : std::error_category {
  const char* name() const noexcept override { return "own"; }
  std::string message(int) const override { return "of the program"; }
};

// That of a later standard, or a code that says nothing elsewhere.
TEST(PickledException, of_the_standard_library_that_cannot_be_made_comes_back_as_its_base) {
  const std::experimental::bad_any_cast cast;
  static_cast<void>(crossed_as<std::bad_cast>(cast));
  const std::experimental::bad_optional_access access("no value");
  EXPECT_STREQ(crossed_as<std::logic_error>(access).what(), "no value");
  static const Category category;
  const std::system_error error(std::error_code(1, category), "opening");
  EXPECT_STREQ(crossed_as<std::runtime_error>(error).what(), "opening: of the program");
}

TEST(PickledException, with_a_code_keeps_what_is_nested_in_it) {
  std::exception_ptr thrown;
  try {
    try {
      throw std::future_error(std::future_errc::no_state);
    } catch (...) {
      std::throw_with_nested(std::filesystem::filesystem_error(
          "copy", "/a", std::make_error_code(std::errc::file_exists)));
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  EXPECT_EQ(describe(crossed(thrown)), describe(thrown));
  EXPECT_THROW(std::rethrow_exception(crossed(thrown)), std::filesystem::filesystem_error);
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
    write_exception(output, std::current_exception(), stack);
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
  write_exception(again, std::make_exception_ptr(RemoteError("T", "m", "first")), stack);
  const Bytes more = again.take().bytes;
  try {
    std::rethrow_exception(InputArchive(more).read<std::exception_ptr>());
  } catch (const RemoteError& error) {
    EXPECT_EQ(error.stack(), "first");
  }
}

// What crosses of the exception that call() raises, with the stack of its throw.
template <class Call>
std::exception_ptr crossed_with_stack(const Call& call) {
  ThrowStack stack;
  OutputArchive output;
  try {
    stack.watch(call);
  } catch (...) {
    write_exception(output, std::current_exception(), stack);
  }
  const Bytes bytes = output.take().bytes;
  return InputArchive(bytes).read<std::exception_ptr>();
}

__attribute__((noinline)) void find_page(int n) {
  if (n > 0) {
    throw std::out_of_range("no page");
  }
}
__attribute__((noinline)) void open_book(int n) {
  try {
    find_page(n);
  } catch (...) {
    std::throw_with_nested(TimeoutError("the book"));
  }
}

TEST(PickledException, of_a_known_type_keeps_it_and_brings_its_stack_along) {
  const std::exception_ptr error = crossed_with_stack([] { find_page(1); });
  EXPECT_THROW(std::rethrow_exception(error), std::out_of_range);
  EXPECT_EQ(describe(error), "std::out_of_range: no page");
  EXPECT_NE(error_stack(error).find("  at coeval::pickle::"), std::string::npos);
  EXPECT_NE(error_stack(error).find("find_page ("), std::string::npos) << error_stack(error);
}

TEST(PickledException, with_others_nested_in_it_brings_the_stack_of_its_own_throw) {
  const std::exception_ptr error = crossed_with_stack([] { open_book(1); });
  EXPECT_EQ(describe(error), "coeval::TimeoutError: the book ← std::out_of_range: no page");
  EXPECT_NE(error_stack(error).find("open_book ("), std::string::npos) << error_stack(error);
  EXPECT_EQ(error_stack(error).find("find_page ("), std::string::npos) << error_stack(error);
}

TEST(PickledException, that_crosses_again_keeps_the_stack_of_its_first_throw) {
  const std::exception_ptr error = crossed_with_stack([] { find_page(1); });
  const std::exception_ptr again = crossed_with_stack([&] { std::rethrow_exception(error); });
  EXPECT_THROW(std::rethrow_exception(again), std::out_of_range);
  EXPECT_EQ(error_stack(again), error_stack(error));
  EXPECT_EQ(error_stack(crossed(error)), error_stack(error));
}

TEST(PickledException, without_a_stack_has_none) {
  EXPECT_EQ(error_stack(nullptr), "");
  EXPECT_EQ(error_stack(std::make_exception_ptr(7)), "");
  EXPECT_EQ(error_stack(crossed(std::make_exception_ptr(std::out_of_range("no page")))), "");
}

// What a hostile process sends instead: modules and frames as RemoteFrames has them.
struct Frame {
  std::uint32_t module = 0;
  std::uint64_t offset = 0;
};
std::exception_ptr read_traceback(const std::vector<std::string>& modules,
                                  const std::vector<Frame>& frames) {
  constexpr std::uint8_t kind_traceback = 7;
  OutputArchive output;
  output(kind_traceback, modules, frames);
  const Bytes bytes = output.take().bytes;
  return InputArchive(bytes).read<std::exception_ptr>();
}

TEST(PickledException, has_no_stack_in_code_that_is_not_here) {
  EXPECT_EQ(error_stack(read_traceback({"/no/such/library.so", std::string(5000, 'x')},
                                       {{0, 1000}, {1, 0}, {2, 7}, {UINT32_MAX, UINT64_MAX}})),
            "");
  EXPECT_EQ(error_stack(read_traceback({""}, {{0, UINT64_MAX}})), "");
  EXPECT_THROW(read_traceback({""}, std::vector<Frame>(49)), PickleError);
}

TEST(PickledException, may_be_none) {
  EXPECT_EQ(crossed(nullptr), nullptr);
}

}  // namespace
}  // namespace coeval::pickle
