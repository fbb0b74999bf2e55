// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>

namespace coeval {

// How many processors this process may run on, by its affinity mask; at least 1. Python's
// os.process_cpu_count. Thread-safe, never blocks.
COEVAL_EXPORT int process_cpu_count() noexcept;

}  // namespace coeval
