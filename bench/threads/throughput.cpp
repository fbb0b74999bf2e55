// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Many tiny tasks: what one costs.

#include "support/clock.hpp"
#include "threads/rows.hpp"

#include <stdexcept>
#include <utility>

namespace bench {
namespace {

constexpr int repetitions = 1;  // after one to warm up

// Of a run that takes a millisecond. The kernel may need three to give a new thread a processor of its own.
constexpr int short_repetitions = 10;

using Tasks = std::function<void(std::size_t)> PoolWorkloads::*;
using Nested = std::function<void(std::size_t, std::size_t)> PoolWorkloads::*;

Row many_tasks(const std::string& name, std::size_t all, Tasks workload) {
  return pool_row(name, "ns/task",
                  [=](PoolWorkloads& work, std::size_t fewer) -> std::optional<double> {
                    if (!(work.*workload)) {
                      return std::nullopt;
                    }
                    const std::size_t tasks = all / fewer;
                    return ns_per_item(tasks, repetitions, [&] { (work.*workload)(tasks); });
                  });
}

Row nested_tasks(const std::string& name, std::size_t all, Nested workload) {
  return pool_row(name, "ns/task",
                  [=](PoolWorkloads& work, std::size_t fewer) -> std::optional<double> {
                    if (!(work.*workload)) {
                      return std::nullopt;
                    }
                    constexpr std::size_t inner = 100;
                    const std::size_t outer = all / fewer;
                    return ns_per_item(outer * inner, short_repetitions,
                                       [&] { (work.*workload)(outer, inner); });
                  });
}

// Of 2 F(n + 1) - 1 calls all but those at the leaves fork once.
std::size_t forks_of_fib(int n) {
  std::size_t before = 0;
  std::size_t now = 1;
  for (int i = 0; i < n; ++i) {
    before = std::exchange(now, before + now);
  }
  return now - 1;
}

Row fib(const Settings& settings) {
  const int n = settings.quick ? 22 : 27;
  return pool_row("threads/fib27", "ns/fork",
                  [n](PoolWorkloads& work, std::size_t) -> std::optional<double> {
                    if (!work.fib) {
                      return std::nullopt;
                    }
                    return ns_per_item(forks_of_fib(n), 3, [&] {
                      if (work.fib(n) != (n == 27 ? 196'418 : 17'711)) {
                        throw std::runtime_error("the number is wrong");
                      }
                    });
                  });
}

Row map_tiny(const Settings& settings) {
  const auto all = static_cast<int>(settings.count(1'000'000));
  return pool_row("threads/map_tiny", "ns/element",
                  [all](PoolWorkloads& work, std::size_t) -> std::optional<double> {
                    if (!work.lazy_map) {
                      return std::nullopt;
                    }
                    return ns_per_item(static_cast<std::size_t>(all), 3, [&] {
                      if (work.lazy_map(all) != long{all} * (all - 1)) {
                        throw std::runtime_error("the sum is wrong");
                      }
                    });
                  });
}

}  // namespace

std::vector<Row> throughput_rows(const Settings& settings) {
  const std::size_t tasks = settings.count(1'000'000);
  const std::size_t outer = settings.count(1000);
  return {many_tasks("threads/fire_and_wait", tasks, &PoolWorkloads::fire_and_wait),
          many_tasks("threads/fire_and_forget", tasks, &PoolWorkloads::fire_and_forget),
          many_tasks("threads/future_each", tasks, &PoolWorkloads::future_each),
          map_tiny(settings),
          nested_tasks("threads/nested", outer, &PoolWorkloads::nested),
          nested_tasks("threads/nested_futures", outer, &PoolWorkloads::nested_futures),
          fib(settings)};
}

}  // namespace bench
