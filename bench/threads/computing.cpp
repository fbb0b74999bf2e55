// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Loops: y = 2x + 1 over much memory, and over so little that it is done before a thread wakes.

#include "support/clock.hpp"
#include "threads/rows.hpp"

#include <stdexcept>

namespace bench {
namespace {

Row map_row(const std::string& name, const std::string& unit, std::size_t size, int repetitions,
            double ns_per_unit) {
  return pool_row(name, unit, [=](PoolWorkloads& work, std::size_t) -> std::optional<double> {
    if (!work.map) {
      return std::nullopt;
    }
    const std::vector<double> from(size, 1.5);
    std::vector<double> to(size, 0.0);
    const double ns = ns_per_item(1, repetitions, [&] { work.map(from, to); });
    if (to.front() != 4.0 || to.back() != 4.0) {
      throw std::runtime_error("the result is wrong");
    }
    return ns / ns_per_unit;
  });
}

}  // namespace

std::vector<Row> computing_rows(const Settings& settings) {
  constexpr std::size_t small = 1000;
  return {map_row("threads/for_1000", "us", small, static_cast<int>(settings.count(10'000)), 1e3),
          map_row("threads/map_1e7", "ms", settings.count(10'000'000), 7, 1e6)};
}

}  // namespace bench
