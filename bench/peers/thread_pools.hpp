// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The libraries that the rows of bench/threads compare, each behind the same few workloads.

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace bench {

// What one library does with its worker threads. A workload that it does not have is empty. All are
// called from one thread outside the pool, and return when the work is done.
struct PoolWorkloads {
  // So many empty tasks, handed over one by one, and one wait for all of them.
  std::function<void(std::size_t tasks)> fire_and_wait;

  // The same through the library's way of handing over a task by itself, with nothing around it that
  // knows of the others: what counts them is the tasks' own.
  std::function<void(std::size_t tasks)> fire_and_forget;

  // Each task returns an int through a future, and all futures are read at the end.
  std::function<void(std::size_t tasks)> future_each;

  // One task and its result.
  std::function<void()> round_trip;

  // So many outer tasks, each of which hands over the inner ones and waits for them.
  std::function<void(std::size_t outer, std::size_t inner)> nested;

  // The same with a future for each task.
  std::function<void(std::size_t outer, std::size_t inner)> nested_futures;

  // Fibonacci numbers, each a sum of two tasks: one is forked, the other called.
  std::function<long(int n)> fib;

  // The sum of 2 * n for so many n from 0 on, each by a function of its own, whose inputs are read and
  // whose results are summed up one by one, in order, and never all in memory.
  std::function<long(int count)> lazy_map;

  // to[i] = 2 * from[i] + 1, by the library's parallel loop if it has one.
  std::function<void(std::span<const double> from, std::span<double> to)> map;
};

struct PoolLibrary {
  std::string name;

  // Starts a pool, which lives as long as the workloads. Null if the library is not in this
  // program.
  PoolWorkloads (*start)(int workers) = nullptr;

  // A library that takes much longer gets so many times fewer tasks; rows are per task.
  std::size_t fewer = 1;
};

// coeval first, then its rivals.
std::vector<PoolLibrary> pool_libraries();

PoolWorkloads start_coeval(int workers);
PoolLibrary one_tbb();
PoolLibrary boost_asio();
PoolLibrary openmp();
PoolLibrary std_async();

// What a lazy_map calls.
inline int twice(int n) {
  return 2 * n;
}

// One chunk of the map, for the libraries that have no parallel loop.
inline void map_chunk(std::span<const double> from, std::span<double> to, std::size_t chunk,
                      std::size_t chunks) {
  const std::size_t end = from.size() * (chunk + 1) / chunks;
  for (std::size_t i = from.size() * chunk / chunks; i < end; ++i) {
    to[i] = 2.0 * from[i] + 1.0;
  }
}

}  // namespace bench
