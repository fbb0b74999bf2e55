// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Loops, sums and sorts on all processors.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <functional>
#include <numeric>
#include <vector>

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = coeval::usable_cpu_count()});
  std::vector<long> numbers(100'000);
  std::iota(numbers.begin(), numbers.end(), 1);

  coeval::parallel_for(pool, numbers, [](long& n) { n = n * n % 1000; });
  std::printf("the sum of the last three digits: %ld\n",
              coeval::parallel_reduce(pool, numbers, 0L));

  coeval::parallel_sort(pool, numbers, std::greater<>());
  std::printf("the greatest are %ld and %ld\n", numbers[0], numbers[1]);
}
