// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace coeval::detail {

// How many bytes of its stack the calling thread has not used yet. 0 when that cannot be found out.
// Asks the C library at the first call on a thread, which allocates.
std::size_t stack_room() noexcept;

}  // namespace coeval::detail
