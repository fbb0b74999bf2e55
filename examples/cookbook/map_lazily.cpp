// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// map() over an endless range: it reads its input as the results are read, and a few ahead.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <ranges>

bool is_prime(int n) {
  for (int d = 2; d * d <= n; ++d) {
    if (n % d == 0) {
      return false;
    }
  }
  return n > 1;
}

int main() {
  coeval::ThreadPoolExecutor pool;
  int n = 1'000'000;
  for (const bool prime : pool.map({.buffersize = 16}, is_prime, std::views::iota(n))) {
    if (prime) {
      std::printf("the first prime from a million on: %d\n", n);
      break;  // what was submitted ahead is cancelled
    }
    ++n;
  }
}
