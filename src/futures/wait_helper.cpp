// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/detail/wait_helper.hpp>

#include <utility>

namespace coeval::detail {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local WaitHelper* helper_of_this_thread =
    nullptr;

}  // namespace

WaitHelper* current_wait_helper() noexcept {
  return helper_of_this_thread;
}

WaitHelper* set_current_wait_helper(WaitHelper* helper) noexcept {
  return std::exchange(helper_of_this_thread, helper);
}

}  // namespace coeval::detail
