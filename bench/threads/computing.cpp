// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A loop over much memory: y = 2x + 1 over 10,000,000 doubles.

#include "support/clock.hpp"
#include "threads/rows.hpp"

#include <stdexcept>

namespace bench {

std::vector<Row> computing_rows(const Settings& settings) {
  const std::size_t size = settings.count(10'000'000);
  return {pool_row("threads/map_1e7", "ms",
                   [size](PoolWorkloads& work, std::size_t) -> std::optional<double> {
                     if (!work.map) {
                       return std::nullopt;
                     }
                     const std::vector<double> from(size, 1.5);
                     std::vector<double> to(size, 0.0);
                     const double ns = ns_per_item(1, 7, [&] { work.map(from, to); });
                     if (to.front() != 4.0 || to.back() != 4.0) {
                       throw std::runtime_error("the result is wrong");
                     }
                     return ns / 1e6;
                   })};
}

}  // namespace bench
