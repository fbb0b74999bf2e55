// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Fork and join: a recursive function whose halves run at the same time, without a future for each.

#include <coeval/coeval.hpp>

#include <cstdio>

namespace {

long fib(coeval::ThreadPoolExecutor& pool, int n) {
  if (n < 2) {
    return n;
  }
  long a = 0;
  coeval::TaskGroup group(pool);
  group.run([&] { a = fib(pool, n - 1); });
  const long b = fib(pool, n - 2);
  group.wait();
  return a + b;
}

}  // namespace

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = coeval::usable_cpu_count()});
  std::printf("fib(20) is %ld\n", fib(pool, 20));
}
