// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// OpenMP, the compiler's own (libgomp with g++): tasks and parallel for. It has no thread outside
// the team and no futures: the one who hands over the tasks is one of the workers.

#include "peers/thread_pools.hpp"

#if COEVAL_BENCH_HAS_OPENMP

#include <omp.h>

namespace bench {
namespace {

// What keeps the compiler from leaving an empty task out.
void empty_task() {
  asm volatile("");
}

long fib(int n) {
  if (n < 2) {
    return n;
  }
  long a = 0;
#pragma omp task shared(a)
  a = fib(n - 1);
  const long b = fib(n - 2);
#pragma omp taskwait
  return a + b;
}

PoolWorkloads start(int workers) {
  omp_set_num_threads(workers);
  PoolWorkloads work;
  work.fire_and_wait = [](std::size_t tasks) {
#pragma omp parallel
#pragma omp single
    for (std::size_t i = 0; i < tasks; ++i) {
#pragma omp task
      empty_task();
    }
  };
  work.nested = [](std::size_t outer, std::size_t inner) {
#pragma omp parallel
#pragma omp single
    for (std::size_t i = 0; i < outer; ++i) {
#pragma omp task
      {
        for (std::size_t j = 0; j < inner; ++j) {
#pragma omp task
          empty_task();
        }
#pragma omp taskwait
      }
    }
  };
  work.fib = [](int n) {
    long result = 0;
#pragma omp parallel
#pragma omp single
    result = fib(n);
    return result;
  };
  work.map = [](std::span<const double> from, std::span<double> to) {
#pragma omp parallel for
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[i] = 2.0 * from[i] + 1.0;
    }
  };
  return work;
}

}  // namespace

PoolLibrary openmp() {
  return {.name = "OpenMP", .start = start};
}

}  // namespace bench

#else

bench::PoolLibrary bench::openmp() {
  return {.name = "OpenMP"};
}

#endif
