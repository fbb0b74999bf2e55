// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/detail/ident.hpp>

#include "threading/thread_state.hpp"

#include <coeval/core/system.hpp>

namespace coeval::threading::detail {
namespace {

atomic<Ident> last_ident{main_ident};

}  // namespace

constinit thread_local ThisThread this_thread;

Ident new_ident() noexcept {
  return last_ident.fetch_add(1, std::memory_order_relaxed) + 1;
}

#if !defined(COEVAL_ATOMIC_HEADER)

Ident current_ident() noexcept {
  if (this_thread.ident == 0) [[unlikely]] {
    this_thread.ident = sys().gettid() == sys().getpid() ? main_ident : new_ident();
  }
  return this_thread.ident;
}

#endif

}  // namespace coeval::threading::detail
