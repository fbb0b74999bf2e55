// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// MemoryWatch: whether a worker has come to keep so much memory that it is better replaced.

#include "executors/processes/exchange/memory_rules.hpp"

#include <cstdint>

namespace coeval::detail {

// Of the worker's thread. To ask the kernel takes as long as some small tasks, so it is asked once
// after many of those.
class MemoryWatch {
 public:
  // After the initializer: what that keeps is no leak of a task's.
  void begin(const MemoryRules& rules) noexcept;

  // A task has ended that ran so long: whether the process has too much.
  bool is_above_after(std::int64_t wall_ns) noexcept;
  // There is a rest: whether it has, if a task has ended since the last time.
  bool is_above_at_rest() noexcept;

 private:
  bool ask() noexcept;

  std::uint64_t most_ = UINT64_MAX;
  std::int64_t unasked_ns_ = 0;
};

}  // namespace coeval::detail
