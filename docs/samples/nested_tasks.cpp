// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <vector>

// [tree]
long fibonacci(coeval::ThreadPoolExecutor& pool, int n) {
  if (n < 10) {
    return n < 2 ? n : fibonacci(pool, n - 1) + fibonacci(pool, n - 2);
  }
  coeval::Future<long> left = pool.submit(fibonacci, std::ref(pool), n - 1);
  const long right = fibonacci(pool, n - 2);
  return left.result() + right;  // runs left here if nobody has begun it
}
// [tree]

int main() {
  // [one]
  coeval::ThreadPoolExecutor pool({.max_workers = 1});
  const long result = pool.submit(fibonacci, std::ref(pool), 20).result();  // 6765
  // [one]
  EXPECT(result == 6765);
}
