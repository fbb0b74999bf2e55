// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much memory a worker of a process pool may keep.

#include <cstdint>

namespace coeval::detail {

// What the options say of a worker's memory, in bytes of what RLIMIT_DATA counts; 0: nothing.
struct MemoryRules {
  std::uint64_t limit = 0;
  std::uint64_t recycle_above = 0;
  bool is_default = false;  // recycle_above was not given: it follows from the limit
};

}  // namespace coeval::detail
