// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <cstddef>
#include <numeric>
#include <ranges>
#include <span>
#include <vector>

void group() {
  coeval::ThreadPoolExecutor pool;
  const auto part = [](int n) { return n * n; };
  // [group]
  std::vector<coeval::Future<int>> group;
  for (int n = 0; n < 10; ++n) {
    group.push_back(pool.submit(part, n));
  }
  const std::vector<int> results = coeval::when_all(group).result();  // or raises the first error
  // [group]
  EXPECT(results.size() == 10);
}

// [chunks]
// Calls f(part) for about equal parts of the data, as many at a time as the pool has workers.
template <class F>
void for_each_part(coeval::Executor auto& pool, std::span<double> data, std::size_t parts, F f) {
  const auto part = [=](std::size_t i) {
    const std::size_t begin = data.size() * i / parts;
    f(data.subspan(begin, data.size() * (i + 1) / parts - begin));
  };
  coeval::list(pool.map(part, std::views::iota(std::size_t{0}, parts)));
}
// [chunks]

void loop() {
  std::vector<double> values(1000, 1.5);
  // [loop]
  const int cpus = coeval::usable_cpu_count();
  coeval::ThreadPoolExecutor pool({.max_workers = cpus});
  for_each_part(pool, values, 4 * static_cast<std::size_t>(cpus), [](std::span<double> part) {
    for (double& value : part) {
      value = 2 * value + 1;
    }
  });
  // [loop]
  EXPECT(std::reduce(values.begin(), values.end()) == 4000.0);
}

int main() {
  group();
  loop();
}
