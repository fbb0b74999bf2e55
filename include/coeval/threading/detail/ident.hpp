// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The identity of the calling thread, from one function for the whole library.

#include <coeval/core/atomic.hpp>
#include <coeval/core/export.hpp>

#include <cstdint>

namespace coeval::threading::detail {

// A number that no other thread of this process ever has, dead or alive; never 0. A lock whose
// owner died is therefore never mistaken for one's own. 1 is the main thread.
using Ident = std::uint64_t;

#if defined(COEVAL_ATOMIC_HEADER)

// The schedule checker runs its threads as fibers of one thread; it says here which one runs.
inline Ident (*current_ident_source)() noexcept = nullptr;

inline Ident current_ident() noexcept {
  return current_ident_source();
}

#else

COEVAL_EXPORT Ident current_ident() noexcept;

#endif

}  // namespace coeval::threading::detail
