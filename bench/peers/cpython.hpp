// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace bench {

// The number that a program for python3 prints. The program has no single quote, so that a shell
// takes it as one word. Raises std::runtime_error if there is no python3, or it prints nothing.
double run_python(const std::string& program, const std::string& arguments);

// CPython's ThreadPoolExecutor with two workers, in a python3 of its own: the value of a workload,
// "future_each", "round_trip" (with a pause before each, in microseconds) or "idle_cpu", in the
// unit of the row. Errors: as run_python().
double cpython_pool(const std::string& workload, std::size_t count, double gap_us = 0);

// CPython's multiprocessing likewise: the value of a workload of bench/processes, which does
// something count times, with messages of so many bytes (0: a small int) or so many bytes of memory.
double cpython_processes(const std::string& workload, std::size_t count, std::size_t size = 0);

// A pool of processes in a python3 of its own: a ProcessPoolExecutor with that start method ("fork",
// "forkserver"), a multiprocessing.Pool with chunks of 1 or of its own choice ("pool", "chunked"), or
// "joblib".
struct PythonPool {
  std::string kind = "fork";
  int workers = 2;
};
// The value of a workload of bench/processes/pool.cpp or pool_maps.cpp, in nanoseconds per task or in
// microseconds. size: how many bytes it sends or has, or how many elements a chunk.
double cpython_process_pool(const PythonPool& pool, const std::string& workload, std::size_t count,
                            std::size_t size = 0);
// Whether python3 can import it.
bool has_joblib();

}  // namespace bench
