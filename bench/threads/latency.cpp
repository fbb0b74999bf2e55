// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// One task and its result, the next one only then: at once ("hot"), or a millisecond later, when
// the workers have gone to sleep ("idle").

#include "peers/cpython.hpp"
#include "support/clock.hpp"
#include "threads/rows.hpp"

namespace bench {
namespace {

constexpr double idle_gap_us = 1000;

Row round_trip(const std::string& name, std::size_t samples, double gap_us, double part) {
  return pool_row(name, "ns", [=](PoolWorkloads& work, std::size_t) -> std::optional<double> {
    if (!work.round_trip) {
      return std::nullopt;
    }
    return percentile(latencies_ns(samples, gap_us, work.round_trip), part);
  });
}

void add_cpython(Row& row, std::size_t samples, double gap_us) {
  row.contestants.push_back(
      {.name = "CPython", .measure = [=] { return cpython_pool("round_trip", samples, gap_us); }});
}

}  // namespace

std::vector<Row> latency_rows(const Settings& settings) {
  const std::size_t hot = settings.count(10'000);
  const std::size_t idle = settings.count(300);
  Row row_hot = round_trip("threads/round_trip_hot", hot, 0, 0.5);
  add_cpython(row_hot, hot / 10, 0);
  Row row_idle = round_trip("threads/round_trip_idle", idle, idle_gap_us, 0.5);
  add_cpython(row_idle, idle, idle_gap_us);
  return {row_hot, round_trip("threads/round_trip_hot_p99", hot, 0, 0.99), row_idle};
}

}  // namespace bench
