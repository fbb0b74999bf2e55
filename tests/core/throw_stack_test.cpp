// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/throw_stack.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string>

// Functions of a program, which stay in its stack whatever the optimiser thinks of them.
namespace program {

#define KEEP __attribute__((noinline, noclone))
#ifdef __clang__
#undef KEEP
#define KEEP __attribute__((noinline))
#endif

constexpr int line_of_throw = __LINE__ + 3;
KEEP void throws(int n) {
  if (n > 0) {
    throw std::out_of_range("no such page");
  }
}
KEEP void calls_one_that_throws(int n) {
  throws(n);
  asm volatile("");  // so that the call is no jump
}
KEEP void throws_again(int n) {
  try {
    calls_one_that_throws(n);
  } catch (...) {
    throw;
  }
}
KEEP void nests(int n) {
  try {
    calls_one_that_throws(n);
  } catch (...) {
    std::throw_with_nested(std::runtime_error("the book"));
  }
}
KEEP void raises(const std::exception_ptr& error) {
  std::rethrow_exception(error);
}
KEEP void falls(int depth) {
  if (depth == 0) {
    throw depth;
  }
  falls(depth - 1);
  asm volatile("");
}

// Whose destructor runs while another exception is on its way, and deals with one of its own.
struct Busy {
  KEEP ~Busy() {
    coeval::ThrowStack inner;
    try {
      inner.watch([] { falls(2); });
    } catch (int) {
      is_watched = !inner.empty();
    }
  }
  bool& is_watched;
};
KEEP void has_a_busy_local(bool& is_watched) {
  const Busy busy{is_watched};
  throws(1);
}

}  // namespace program

namespace coeval {
namespace {

// The stack of what function() raises.
template <class F>
std::string stack_of(F function) {
  ThrowStack stack;
  try {
    stack.watch(function);
  } catch (...) {
    EXPECT_FALSE(stack.empty());
    return stack.text();
  }
  ADD_FAILURE() << "no exception";
  return {};
}

bool begins_with(const std::string& text, const char* function) {
  return text.starts_with("  at " + std::string(function) + " (");
}
bool goes_on_with(const std::string& text, const char* function) {
  return text.find("\n  at " + std::string(function) + " (") != std::string::npos;
}

TEST(ThrowStack, names_the_functions_between_the_throw_and_the_call) {
  const std::string text = stack_of([] { program::calls_one_that_throws(1); });
  EXPECT_TRUE(begins_with(text, "program::throws")) << text;
  EXPECT_TRUE(goes_on_with(text, "program::calls_one_that_throws")) << text;
  // The lambda is the third and last, unless it was inlined.
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 2) << text;
  std::puts(text.c_str());
}

TEST(ThrowStack, names_file_and_line_where_there_is_debug_information) {
  const std::string text = stack_of([] { program::calls_one_that_throws(1); });
#ifdef NDEBUG
  const std::string place = "core_test";
#else
  const std::string place = "throw_stack_test.cpp:" + std::to_string(program::line_of_throw);
#endif
  EXPECT_TRUE(text.starts_with("  at program::throws (" + place + ")\n")) << text;
}

TEST(ThrowStack, is_empty_of_what_is_caught_inside) {
  ThrowStack stack;
  stack.watch([] {
    try {
      program::calls_one_that_throws(1);
    } catch (const std::out_of_range&) {
    }
  });
  EXPECT_TRUE(stack.empty());
  EXPECT_EQ(stack.text(), "");
}

TEST(ThrowStack, is_that_of_the_last_call) {
  ThrowStack stack;
  EXPECT_THROW(stack.watch([] { program::throws(1); }), std::out_of_range);
  EXPECT_FALSE(stack.empty());
  stack.watch([] { program::throws(0); });
  EXPECT_TRUE(stack.empty());
}

TEST(ThrowStack, of_what_is_thrown_again_is_that_of_the_last_throw) {
  const std::string again = stack_of([] { program::throws_again(1); });
  EXPECT_TRUE(begins_with(again, "program::throws_again")) << again;
  const std::string nested = stack_of([] { program::nests(1); });
  EXPECT_NE(nested.find("program::nests ("), std::string::npos) << nested;
  EXPECT_EQ(nested.find("program::throws ("), std::string::npos) << nested;
  const auto error = std::make_exception_ptr(std::runtime_error("kept"));
  const std::string raised = stack_of([&error] { program::raises(error); });
  EXPECT_TRUE(begins_with(raised, "program::raises")) << raised;
}

TEST(ThrowStack, of_nested_calls_each_has_its_part) {
  ThrowStack outer;
  ThrowStack inner;
  try {
    outer.watch([&inner] { inner.watch([] { program::calls_one_that_throws(1); }); });
  } catch (const std::out_of_range&) {
  }
  EXPECT_TRUE(begins_with(inner.text(), "program::throws")) << inner.text();
  EXPECT_TRUE(begins_with(outer.text(), "program::throws")) << outer.text();
  EXPECT_TRUE(outer.text().starts_with(inner.text()));
}

TEST(ThrowStack, is_not_mixed_up_with_what_destructors_throw_and_catch_on_the_way) {
  bool is_watched = false;
  const std::string text = stack_of([&is_watched] { program::has_a_busy_local(is_watched); });
  EXPECT_TRUE(is_watched);
  EXPECT_TRUE(begins_with(text, "program::throws")) << text;
  EXPECT_EQ(text.find("program::falls"), std::string::npos) << text;
}

TEST(ThrowStack, of_a_deep_recursion_has_the_innermost_32_frames) {
  const std::string text = stack_of([] { program::falls(1000); });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 31) << text;
  EXPECT_TRUE(begins_with(text, "program::falls")) << text;
}

TEST(ThrowStack, knows_what_the_standard_library_throws) {
  const std::string text = stack_of([] { static_cast<void>(std::stoi("no number")); });
  EXPECT_NE(text.find("libstdc++"), std::string::npos) << text;
}

TEST(ThrowStack, lets_a_thread_end_that_calls_pthread_exit) {
  pthread_t thread{};
  const auto entry = [](void* argument) -> void* {
    ThrowStack stack;
    stack.watch([argument] { pthread_exit(argument); });
    return nullptr;
  };
  int mark = 0;
  ASSERT_EQ(pthread_create(&thread, nullptr, entry, &mark), 0);
  void* result = nullptr;
  ASSERT_EQ(pthread_join(thread, &result), 0);
  EXPECT_EQ(result, &mark);
}

}  // namespace
}  // namespace coeval
