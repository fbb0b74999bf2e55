// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The lesson's third program: computing on all processors. Python needs processes for that, as its
// GIL lets one thread compute at a time; in C++ threads compute side by side. For work that must be
// kept apart (it crashes, leaks or hangs), an executor of another type stands in place of this one,
// and the rest of the program stays as it is.

#include <coeval/coeval.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

std::uint64_t cpu_task(std::uint64_t n) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    sum += i * i;
  }
  return sum;
}

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = coeval::usable_cpu_count()});
  for (const std::uint64_t sum : pool.map(cpu_task, std::vector(4, 1'000'000))) {
    std::printf("%lu\n", sum);
  }
}
