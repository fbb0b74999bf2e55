// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/deadline.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr double infinity = std::numeric_limits<double>::infinity();

// A clock that stands at `now_ns` until a test moves it.
class DeadlineTest : public testing::Test {
 protected:
  DeadlineTest()
      : scope_([](SystemCalls& table) {
          table.monotonic_ns = []() noexcept -> std::int64_t {
            ++reads;
            return now_ns;
          };
        }) {
    now_ns = 1000;
    reads = 0;
  }

  static inline std::int64_t now_ns = 0;
  static inline int reads = 0;

 private:
  support::SystemScope scope_;
};

std::int64_t count_of(Deadline deadline) {
  return deadline.nanoseconds();
}

TEST_F(DeadlineTest, the_default_never_passes) {
  const Deadline deadline;
  now_ns = never_ns;
  EXPECT_TRUE(deadline.is_never());
  EXPECT_FALSE(deadline.expired());
  EXPECT_EQ(deadline.remaining(), nanoseconds::max());
  EXPECT_EQ(deadline, never);
  EXPECT_EQ(reads, 0);
}

TEST_F(DeadlineTest, a_duration_counts_from_the_construction) {
  const Deadline deadline = 5us;
  EXPECT_EQ(deadline.nanoseconds(), 6000);
  EXPECT_FALSE(deadline.is_never());
  now_ns = 5999;
  EXPECT_FALSE(deadline.expired());
  EXPECT_EQ(deadline.remaining(), 1ns);
  now_ns = 6000;
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(deadline.remaining(), 0ns);
  now_ns = 6001;
  EXPECT_EQ(deadline.remaining(), 0ns);
}

TEST_F(DeadlineTest, zero_is_a_poll_that_does_not_read_the_clock) {
  const Deadline deadline = 0s;
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(deadline.remaining(), 0ns);
  EXPECT_LE(deadline.nanoseconds(), 0);
  EXPECT_EQ(reads, 0);
}

TEST_F(DeadlineTest, a_negative_duration_has_passed) {
  EXPECT_TRUE(Deadline(-1ns).expired());
  EXPECT_TRUE(Deadline(std::chrono::hours::min()).expired());
  EXPECT_TRUE(Deadline(nanoseconds::min()).expired());
  EXPECT_TRUE(Deadline(duration<double>(-1e300)).expired());
  EXPECT_TRUE(Deadline(duration<double>(-infinity)).expired());
  EXPECT_FALSE(Deadline(-1ns).is_never());
}

TEST_F(DeadlineTest, a_duration_that_is_too_long_is_never) {
  EXPECT_TRUE(Deadline(std::chrono::hours::max()).is_never());
  EXPECT_TRUE(Deadline(nanoseconds::max()).is_never());
  EXPECT_TRUE(Deadline(duration<unsigned long long>::max()).is_never());
  EXPECT_TRUE(Deadline(duration<double>(1e300)).is_never());
  EXPECT_TRUE(Deadline(duration<float>(std::numeric_limits<float>::infinity())).is_never());
  EXPECT_TRUE(Deadline(duration<long double>(infinity)).is_never());
}

TEST_F(DeadlineTest, a_duration_saturates_where_the_clock_would_overflow) {
  EXPECT_TRUE(Deadline(nanoseconds(never_ns - 1000)).is_never());
  EXPECT_EQ(count_of(nanoseconds(never_ns - 1001)), never_ns - 1);
  EXPECT_FALSE(Deadline(nanoseconds(never_ns - 1001)).is_never());
}

TEST_F(DeadlineTest, nan_raises_value_error) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(Deadline(duration<double>(nan)), ValueError);
  EXPECT_THROW(Deadline(duration<float>(std::numeric_limits<float>::quiet_NaN())), ValueError);
  EXPECT_THROW(Deadline(duration<long double>(nan)), ValueError);
  EXPECT_THROW(
      (Deadline(std::chrono::time_point<steady_clock, duration<double>>(duration<double>(nan)))),
      ValueError);
}

TEST_F(DeadlineTest, a_fraction_of_a_nanosecond_rounds_up) {
  EXPECT_EQ(count_of(duration<double, std::nano>(0.25)), 1001);
  EXPECT_EQ(count_of(duration<std::int64_t, std::pico>(1)), 1001);
  EXPECT_EQ(count_of(duration<std::int64_t, std::pico>(2001)), 1003);
  EXPECT_FALSE(Deadline(duration<double>(1e-300)).expired());
}

TEST_F(DeadlineTest, any_duration_type_counts) {
  EXPECT_EQ(count_of(duration<std::uint8_t, std::micro>(3)), 4000);
  EXPECT_EQ(count_of(duration<double>(0.5)), 500'001'000);
  EXPECT_EQ(count_of(duration<float>(2.0F)), 2'000'001'000);
  EXPECT_EQ(count_of(1h), 3'600'000'001'000);
}

TEST_F(DeadlineTest, a_time_point_of_the_steady_clock_is_taken_as_it_is) {
  using Seconds = std::chrono::time_point<steady_clock, std::chrono::seconds>;
  EXPECT_EQ(count_of(steady_clock::time_point(1500ns)), 1500);
  EXPECT_EQ(count_of(Seconds(2s)), 2'000'000'000);
  EXPECT_EQ(reads, 0);
  EXPECT_FALSE(Deadline(steady_clock::time_point(1500ns)).expired());
  EXPECT_TRUE(Deadline(steady_clock::time_point(999ns)).expired());
}

TEST_F(DeadlineTest, a_time_point_at_the_ends_of_the_clock_saturates) {
  using Hours = std::chrono::time_point<steady_clock, std::chrono::hours>;
  EXPECT_TRUE(Deadline(steady_clock::time_point::max()).is_never());
  EXPECT_TRUE(Deadline(Hours::max()).is_never());
  EXPECT_TRUE(Deadline(steady_clock::time_point::min()).expired());
  EXPECT_TRUE(Deadline(Hours::min()).expired());
  EXPECT_TRUE(Deadline(steady_clock::time_point(-1ns)).expired());
}

TEST_F(DeadlineTest, deadlines_sort_by_time_and_never_is_last) {
  std::vector<Deadline> deadlines{never, Deadline(2ns), Deadline(0s), Deadline(1ns)};
  std::ranges::sort(deadlines);
  EXPECT_EQ(deadlines, (std::vector<Deadline>{Deadline(0s), Deadline(1ns), Deadline(2ns), never}));
  EXPECT_LT(Deadline(std::chrono::hours(1)), never);
}

TEST(Deadline, counts_on_the_steady_clock) {
  const auto before = steady_clock::now();
  const Deadline deadline = 1h;
  const auto after = steady_clock::now();
  EXPECT_GE(deadline, Deadline(before + 1h));
  EXPECT_LE(deadline, Deadline(after + 1h));
}

TEST(Deadline, converts_only_from_what_cannot_be_mistaken) {
  static_assert(std::is_convertible_v<std::chrono::milliseconds, Deadline>);
  static_assert(std::is_convertible_v<steady_clock::time_point, Deadline>);
  static_assert(!std::is_constructible_v<Deadline, std::chrono::system_clock::time_point>);
  static_assert(!std::is_constructible_v<Deadline, int>);
  static_assert(!std::is_constructible_v<Deadline, double>);
  static_assert(std::is_trivially_copyable_v<Deadline>);
  static_assert(sizeof(Deadline) == sizeof(std::int64_t));
  constexpr Deadline at_compile_time;
  static_assert(at_compile_time == never);
}

}  // namespace
}  // namespace coeval
