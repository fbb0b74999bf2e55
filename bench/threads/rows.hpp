// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rows of the area: two workers, and one thread outside that hands the work over.

#include "peers/thread_pools.hpp"
#include "support/suite.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bench {

inline constexpr int workers = 2;

// What one library does in a row: the value, or nothing if it has no such workload.
using MeasurePool = std::function<std::optional<double>(PoolWorkloads& work, std::size_t fewer)>;

// A row in which every library takes part, with so many workers.
Row pool_row(const std::string& name, const std::string& unit, MeasurePool measure,
             int with_workers = workers);

std::vector<Row> throughput_rows(const Settings& settings);
std::vector<Row> latency_rows(const Settings& settings);
std::vector<Row> computing_rows(const Settings& settings);
std::vector<Row> idle_rows(const Settings& settings);
std::vector<Row> growth_rows(const Settings& settings);
std::vector<Row> python_rows(const Settings& settings);

}  // namespace bench
