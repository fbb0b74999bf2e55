// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// multiprocessing.Pool as in Python: a map that waits, one that calls back, and results as they come.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <exception>
#include <ranges>
#include <utility>
#include <vector>

namespace multiprocessing = coeval::multiprocessing;

int count_primes(int from, int to) {
  int count = 0;
  for (int number = from; number < to; ++number) {
    bool is_prime = number > 1;
    for (int divisor = 2; is_prime && divisor * divisor <= number; ++divisor) {
      is_prime = number % divisor != 0;
    }
    count += is_prime ? 1 : 0;
  }
  return count;
}
int square(int n) {
  return n * n;
}

int main() {
  multiprocessing::Pool pool({.processes = 2});
  for (const int n : pool.map(square, {1, 2, 3})) {
    std::printf("%d\n", n);
  }
  const std::vector<std::pair<int, int>> ranges{{0, 1000}, {1000, 2000}, {2000, 3000}};
  const auto counts = pool.starmap_async(count_primes, ranges);
  counts.add_error_callback(
      [](const std::exception_ptr& error) { std::puts(coeval::describe(error).c_str()); });
  int sum = 0;
  for (const int n : pool.imap_unordered(square, std::views::iota(0, 100))) {
    sum += n;  // in the order in which they come
  }
  std::printf("the squares of 0 to 99 add up to %d\n", sum);
  for (const int count : counts.get()) {
    std::printf("%d primes\n", count);
  }
}  // waits for what was submitted: close() and join()
