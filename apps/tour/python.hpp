// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tour {

// What Python says of the lesson's cpu_task, done four times; the times in seconds.
struct PythonTimes {
  std::string version;
  bool has_gil = true;
  std::uint64_t result = 0;  // of each cpu_task
  double one_by_one = 0;
  double threads = 0;
  std::optional<double> processes;  // nothing if its process pool does not work here
};

struct PythonRun {
  std::optional<PythonTimes> times;
  std::string trouble;  // why there are none
};

// Runs the lesson's program with the python3 of PATH, if there is one, and kills it at the limit.
PythonRun run_python(std::chrono::seconds limit);

}  // namespace tour
