// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Deadline: the one type of every timeout in the library.

#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/system.hpp>

#include <chrono>
#include <cmath>
#include <compare>
#include <cstdint>
#include <type_traits>

namespace coeval {

// The moment at which a blocking call gives up.
//
//   future.result(2s);                        // a duration, from now
//   future.result(steady_clock::now() + 2s);  // a time point
//   future.result();                          // never gives up
//   future.result(0s);                        // does not wait: a poll
//
// Counted on CLOCK_MONOTONIC (std::chrono::steady_clock), so a jump of the wall clock changes
// nothing; time in which the machine is suspended does not count. A duration of zero or less has
// already passed: the call looks once and does not sleep. A duration too long to represent
// (hours::max(), an infinite double) is never; a NaN raises ValueError.
// A value type: thread-safe to copy and read.
class Deadline {
 public:
  // Never passes.
  constexpr Deadline() noexcept = default;

  // A timeout, counted from this call.
  template <class Rep, class Period>
  Deadline(std::chrono::duration<Rep, Period> timeout) : when_(after(in_nanoseconds(timeout))) {}

  // A point of the steady clock.
  template <class Duration>
  Deadline(std::chrono::time_point<std::chrono::steady_clock, Duration> when)
      : when_(in_nanoseconds(when.time_since_epoch())) {}

  // The wall clock can jump: give a duration or a std::chrono::steady_clock time point.
  template <class Duration>
  Deadline(std::chrono::time_point<std::chrono::system_clock, Duration> when) = delete;

  // A number has no unit: write 5s or 5ms (using namespace std::chrono_literals).
  template <class Number>
    requires std::is_arithmetic_v<Number>
  Deadline(Number) = delete;

  bool is_never() const noexcept { return when_ == never_ns; }

  // Whether the moment has come. Reads the clock; a poll (zero or less) and never do not.
  bool expired() const noexcept {
    return !is_never() && (when_ <= 0 || sys().monotonic_ns() >= when_);
  }

  // The time left, at least 0; nanoseconds::max() for never.
  std::chrono::nanoseconds remaining() const noexcept {
    if (is_never()) {
      return std::chrono::nanoseconds::max();
    }
    const std::int64_t left = when_ <= 0 ? 0 : when_ - sys().monotonic_ns();
    return std::chrono::nanoseconds(left > 0 ? left : 0);
  }

  // CLOCK_MONOTONIC nanoseconds; never_ns for never, 0 or less for a poll.
  std::int64_t nanoseconds() const noexcept { return when_; }

  // The earlier of two orders first; never is last.
  friend auto operator<=>(const Deadline&, const Deadline&) = default;

 private:
  static std::int64_t after(std::int64_t timeout) noexcept {
    if (timeout <= 0) {
      return 0;
    }
    const std::int64_t now = sys().monotonic_ns();
    return timeout >= never_ns - now ? never_ns : now + timeout;
  }

  template <class Rep, class Period>
  static std::int64_t in_nanoseconds(std::chrono::duration<Rep, Period> time) {
    if constexpr (std::is_floating_point_v<Rep>) {
      if (std::isnan(time.count())) {
        throw ValueError("coeval::Deadline: the timeout is not a number (NaN)");
      }
    }
    const auto exact = std::chrono::duration<long double, std::nano>(time).count();
    if (exact >= static_cast<long double>(never_ns)) {
      return never_ns;
    }
    if (exact <= 0) {
      return 0;
    }
    if constexpr (std::is_floating_point_v<Rep>) {
      return static_cast<std::int64_t>(std::ceil(exact));
    } else {
      return std::chrono::ceil<std::chrono::nanoseconds>(time).count();
    }
  }

  std::int64_t when_ = never_ns;
};

// The default of every timeout: waits as long as it takes.
inline constexpr Deadline never{};

}  // namespace coeval
