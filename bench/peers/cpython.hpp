// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace bench {

// CPython's ThreadPoolExecutor with two workers, in a python3 of its own: the value of a workload,
// "future_each", "round_trip" (with a pause before each, in microseconds) or "idle_cpu", in the
// unit of the row. Raises std::runtime_error if there is no python3.
double cpython_pool(const std::string& workload, std::size_t count, double gap_us = 0);

}  // namespace bench
