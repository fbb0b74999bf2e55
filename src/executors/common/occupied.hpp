// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>

namespace coeval::detail {

// How many tasks a pool with a bounded queue holds: those that may wait, and one in each worker. 0 if
// the queue has no bound.
constexpr std::size_t most_occupied(std::size_t queue, std::size_t workers) noexcept {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  if (queue == 0) {
    return 0;
  }
  return queue > most - workers ? most : queue + workers;
}

}  // namespace coeval::detail
