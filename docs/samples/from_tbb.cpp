// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <cstddef>
#include <vector>

void group() {
  coeval::ThreadPoolExecutor pool;
  std::vector<int> results(10);
  const auto part = [](int n) { return n * n; };
  // [group]
  coeval::TaskGroup group(pool);
  for (int n = 0; n < 10; ++n) {
    group.run([&, n] { results[static_cast<std::size_t>(n)] = part(n); });
  }
  group.wait();
  // [group]
  EXPECT(results[9] == 81);
}

void loop() {
  std::vector<double> values(1000, 1.5);
  // [loop]
  coeval::ThreadPoolExecutor pool({.max_workers = coeval::usable_cpu_count()});
  coeval::parallel_for(pool, values, [](double& value) { value = 2 * value + 1; });
  const double sum = coeval::parallel_reduce(pool, values, 0.0);
  coeval::parallel_sort(pool, values);
  // [loop]
  EXPECT(sum == 4000.0);
}

int main() {
  group();
  loop();
}
