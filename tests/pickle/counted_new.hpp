// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/replaceable_new.hpp"

#include <cstddef>

namespace coeval::support {

// Counts what the calling thread takes from the heap with new while it lives, and what is given
// back not at all: the sum of all sizes. The test program's operator new is replaced for it; where
// it cannot be, the sum is 0.
class CountedNew {
 public:
  CountedNew();
  CountedNew(const CountedNew&) = delete;
  CountedNew& operator=(const CountedNew&) = delete;

  std::size_t bytes() const;

 private:
  std::size_t before_;
};

}  // namespace coeval::support
