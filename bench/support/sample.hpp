// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One sample: a measurement in a process of its own, so that no contestant meets the threads or the
// heap of another, and that one which hangs or crashes costs its own sample and nothing else.

#include <functional>
#include <optional>
#include <string>

namespace bench {

// Measures once. Nothing: the contestant has no such workload.
using Measure = std::function<std::optional<double>()>;

struct Sample {
  std::optional<double> value = {};
  std::string problem = {};  // why there is no value; empty if the contestant has no such workload
};

// Forks, measures in the child and brings the value back. The child is killed after limit_seconds.
// Only while this process has one thread.
Sample take_sample(const Measure& measure, double limit_seconds);

}  // namespace bench
