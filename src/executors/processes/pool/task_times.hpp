// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// When a task of a process pool ran, as observers are told.

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace coeval::detail {

// In nanoseconds of CLOCK_MONOTONIC, which the processes of a machine share. What a worker says is
// believed between two readings of our own clock: it may lie, or live in a time namespace where the
// clock differs. Invariant: handed over ≤ began ≤ ended ≤ now.
struct TaskTimes {
  std::int64_t began;
  std::int64_t ended;

  // told and wall are the worker's; told 0: it said nothing; wall 0: it died meanwhile.
  static TaskTimes of(std::int64_t handed_over, std::int64_t told, std::int64_t wall,
                      std::int64_t now) noexcept {
    handed_over = std::min(handed_over, now);
    if (told <= 0 || told > now) {
      return {.began = now, .ended = now};
    }
    const std::int64_t began = std::max(told, handed_over);
    return {.began = began,
            .ended = wall <= 0 || wall > now - told ? now : std::max(told + wall, began)};
  }
};

inline std::chrono::steady_clock::time_point time_point(std::int64_t ns) noexcept {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns));
}

}  // namespace coeval::detail
