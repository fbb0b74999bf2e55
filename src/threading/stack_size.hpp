// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/errors.hpp>

#include <fmt/format.h>

#include <cstddef>

namespace coeval::threading::detail {

// Errors: ValueError, in the name of what was given the size, unless it is 0 or as large as Python asks for.
inline void require_stack_size(std::size_t bytes, const char* api) {
  constexpr std::size_t least = std::size_t{32} << 10;
  if (bytes != 0 && bytes < least) {
    throw ValueError(
        fmt::format("{}: stack_size must be 0 (the process's default) or at least {} "
                    "bytes, not {}",
                    api, least, bytes));
  }
}

}  // namespace coeval::threading::detail
