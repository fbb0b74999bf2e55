// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace coeval::detail {

// The calling thread's stack, in bytes: how large it is, and how much of it is not used yet. Both are
// 0 when that cannot be found out. Asks the C library at the first call on a thread, which allocates.
struct StackRoom {
  std::size_t size = 0;
  std::size_t left = 0;
};
StackRoom stack_room() noexcept;

}  // namespace coeval::detail
