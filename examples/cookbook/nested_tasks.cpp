// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A task submits tasks to its own pool and waits for them. In Python this hangs as soon as each
// worker waits; here a worker that waits runs the task it waits for, so that even one is enough.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <numeric>
#include <span>
#include <vector>

long sum(coeval::ThreadPoolExecutor& pool, std::span<const long> numbers) {
  if (numbers.size() <= 1000) {
    return std::reduce(numbers.begin(), numbers.end());
  }
  const auto half = numbers.size() / 2;
  const auto left = pool.submit(sum, std::ref(pool), numbers.first(half));
  const long right = sum(pool, numbers.subspan(half));
  return left.result() + right;
}

int main() {
  std::vector<long> numbers(100'000);
  std::iota(numbers.begin(), numbers.end(), 1);

  coeval::ThreadPoolExecutor pool({.max_workers = 1});
  std::printf("%ld\n", pool.submit(sum, std::ref(pool), std::span(numbers)).result());
}
