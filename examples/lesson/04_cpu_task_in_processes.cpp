// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The lesson's third program once more, as Python has it: computing in processes. They share nothing
// with this one, so a task that crashes costs its own result. The type of the pool is all that has
// changed.

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
  coeval::ProcessPoolExecutor pool;
  for (const std::uint64_t sum : pool.map(cpu_task, std::vector(4, 1'000'000))) {
    std::printf("%lu\n", sum);
  }
}
