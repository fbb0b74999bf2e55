// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/detail/shared_locked_memory.hpp>

#include <coeval/core/errors.hpp>

#include <fmt/format.h>

#include <string_view>

namespace coeval::multiprocessing::detail {

Hold::Hold(const RLock& lock, Deadline deadline, const char* type) : lock_(lock) {
  if (!lock_.acquire(deadline)) {
    throw TimeoutError(fmt::format(
        "coeval::multiprocessing::{}: its lock was not free until the deadline; nothing was read "
        "or changed",
        type));
  }
}

std::string describe_locked(const char* type, const std::type_info& element, std::string_view size,
                            const RLock& lock) {
  return fmt::format("<{}<{}>{} {}>", type, type_name(element), size,
                     lock.locked() ? "locked" : "unlocked");
}

}  // namespace coeval::multiprocessing::detail
