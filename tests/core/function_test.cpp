// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/function.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace coeval {
namespace {

int twice(int n) {
  return 2 * n;
}

// Counts the living copies, to see that each is destroyed once.
template <std::size_t size>
struct Counted {
  explicit Counted(int* counter) : alive(counter) { ++*alive; }
  Counted(const Counted& other) : alive(other.alive) { ++*alive; }
  Counted(Counted&& other) noexcept : alive(other.alive) { ++*alive; }
  ~Counted() { --*alive; }
  int operator()() const { return *alive; }

  int* alive;
  std::array<char, size> ballast{};
};

struct ThrowsOnCopy {
  ThrowsOnCopy() = default;
  ThrowsOnCopy(const ThrowsOnCopy&) { throw std::runtime_error("copy"); }
  void operator()() const {}
};

struct alignas(64) Aligned {
  bool operator()() const { return reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
};

TEST(Function, calls_a_function_pointer) {
  Function<int(int)> f = twice;
  EXPECT_TRUE(f);
  EXPECT_EQ(f(21), 42);
}

TEST(Function, empty_ones_raise_bad_function_call) {
  Function<void()> none;
  Function<void()> null = nullptr;
  Function<int(int)> null_pointer = static_cast<int (*)(int)>(nullptr);
  EXPECT_FALSE(none);
  EXPECT_FALSE(null);
  EXPECT_FALSE(null_pointer);
  EXPECT_THROW(none(), std::bad_function_call);
  EXPECT_THROW(null_pointer(1), std::bad_function_call);
}

TEST(Function, takes_move_only_callables_and_arguments) {
  Function<int(std::unique_ptr<int>)> add =
      [base = std::make_unique<int>(40)](std::unique_ptr<int> n) { return *base + *n; };
  EXPECT_EQ(add(std::make_unique<int>(2)), 42);
}

TEST(Function, is_moved_and_never_copied) {
  static_assert(!std::is_copy_constructible_v<Function<void()>>);
  static_assert(!std::is_copy_assignable_v<Function<void()>>);
  static_assert(std::is_nothrow_move_constructible_v<Function<void()>>);
  static_assert(std::is_nothrow_move_assignable_v<Function<void()>>);
  static_assert(!std::is_constructible_v<Function<void()>, int>);
  static_assert(!std::is_constructible_v<Function<void()>, void (*)(int)>);
}

TEST(Function, passes_references_through) {
  Function<int&(int&)> same = [](int& n) -> int& { return n; };
  int number = 1;
  same(number) = 2;
  EXPECT_EQ(number, 2);
}

TEST(Function, calls_members) {
  Function<std::size_t(const std::string&)> size = &std::string::size;
  EXPECT_EQ(size("four"), 4U);
}

TEST(Function, drops_the_result_when_the_signature_is_void) {
  int calls = 0;
  Function<void()> f = [&calls] { return ++calls; };
  f();
  EXPECT_EQ(calls, 1);
}

TEST(Function, keeps_the_state_of_its_callable) {
  Function<int()> next = [n = 0]() mutable { return ++n; };
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(), 2);
}

TEST(Function, passes_exceptions_through) {
  Function<void()> f = [] { throw std::runtime_error("inside"); };
  EXPECT_THROW(f(), std::runtime_error);
  EXPECT_TRUE(f);
}

template <std::size_t size>
void destroys_each_callable_once() {
  int alive = 0;
  {
    Function<int()> f = Counted<size>(&alive);
    EXPECT_EQ(alive, 1);
    Function<int()> moved = std::move(f);
    EXPECT_EQ(alive, 1);
    EXPECT_FALSE(f);  // NOLINT(bugprone-use-after-move): a moved-from Function is empty
    Function<int()> other = Counted<size>(&alive);
    EXPECT_EQ(alive, 2);
    other = std::move(moved);
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(other(), 1);
    Function<int()>& self = other;
    other = std::move(self);
    EXPECT_EQ(other(), 1);
    other = nullptr;
    EXPECT_EQ(alive, 0);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Function, destroys_a_small_callable_once) {
  destroys_each_callable_once<1>();
}

TEST(Function, destroys_a_large_callable_once) {
  destroys_each_callable_once<1000>();
}

TEST(Function, a_copy_that_raises_leaves_nothing) {
  const ThrowsOnCopy callable;
  EXPECT_THROW(Function<void()>{callable}, std::runtime_error);
}

TEST(Function, respects_alignment) {
  Function<bool()> f = Aligned();
  Function<bool()> moved = std::move(f);
  EXPECT_TRUE(moved());
}

TEST(Function, a_function_can_hold_another) {
  Function<int(int)> inner = twice;
  Function<long(int)> outer = std::move(inner);
  EXPECT_EQ(outer(4), 8L);
}

}  // namespace
}  // namespace coeval
