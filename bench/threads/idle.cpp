// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What a pool costs while it has nothing to do.

#include "peers/cpython.hpp"
#include "support/clock.hpp"
#include "threads/rows.hpp"

namespace bench {
namespace {

constexpr std::size_t burst = 1000;

// Milliseconds of CPU time in a second of idleness.
std::optional<double> idle_cpu(PoolWorkloads& work, std::size_t) {
  if (!work.fire_and_wait) {
    return std::nullopt;
  }
  work.fire_and_wait(burst);
  sleep_us(100'000);
  const double start = now_ns();
  const double cpu = cpu_ns();
  sleep_us(500'000);
  return 1e3 * (cpu_ns() - cpu) / (now_ns() - start);
}

// Microseconds of CPU time in the 20 ms after a burst.
std::optional<double> idle_tail(PoolWorkloads& work, std::size_t) {
  if (!work.fire_and_wait) {
    return std::nullopt;
  }
  std::vector<double> tails;
  for (int i = 0; i < 10; ++i) {
    work.fire_and_wait(burst);
    const double cpu = cpu_ns();
    sleep_us(20'000);
    tails.push_back((cpu_ns() - cpu) / 1e3);
  }
  return median(std::move(tails));
}

}  // namespace

std::vector<Row> idle_rows(const Settings&) {
  Row cpu = pool_row("threads/idle_cpu", "ms/s", idle_cpu);
  cpu.contestants.push_back(
      {.name = "CPython", .measure = [] { return cpython_pool("idle_cpu", 1); }});
  return {cpu, pool_row("threads/idle_tail", "us", idle_tail)};
}

}  // namespace bench
