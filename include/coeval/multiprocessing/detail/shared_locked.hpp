// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How an attempt to take a lock of several processes ends.

#include <cstdint>

namespace coeval::multiprocessing::detail {

enum class Locked : std::uint8_t {
  yes,
  owner_died,  // the lock is held, but what it protects may be half changed
  timed_out,   // the lock is not held
};

}  // namespace coeval::multiprocessing::detail
