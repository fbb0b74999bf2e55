// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a soak leaves behind.

#include "soak/ledger.hpp"
#include "support/scenario.hpp"

namespace soak {

// Of descriptors, mappings, threads, child processes and memory.
class Leaks {
 public:
  // What there is now, when each part of the library has been used once.
  Leaks();

  // Waits for threads of the library that are about to let go of something; what there is more than
  // before is found as leaked.
  void find(Ledger& ledger) const;

 private:
  coeval::testing::Holdings before_;
  long resident_kb_;
};

}  // namespace soak
