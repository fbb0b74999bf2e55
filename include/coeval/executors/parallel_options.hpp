// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <stop_token>

namespace coeval {

// parallel_for(pool, {.grain = 1}, files, convert).
struct ParallelOptions {
  // How many elements are done at a time: the loop is cut into pieces of so many, and what is left
  // over. 0: pieces of some 10 to 20 µs, found by measuring; and a loop that is over by then stays
  // in one piece. Give 1 where there are few elements and each is known to be long.
  std::size_t grain = 0;

  // Stops the loop between two pieces: coeval::CancelledError is raised, unless all was done.
  std::stop_token stop = {};
};

}  // namespace coeval
