// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/scenario.hpp"

#include <vector>

namespace coeval::testing {

// Everything of multiprocessing once: Process, Pipe, Queue, SharedMemory, Listener and Client, locks.
const std::vector<Scenario>& scenarios();

}  // namespace coeval::testing
