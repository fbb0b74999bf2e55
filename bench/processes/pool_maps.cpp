// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// multiprocessing::Pool beside CPython's multiprocessing.Pool: many small tasks in chunks of one size.

#include "processes/rows.hpp"
#include "support/clock.hpp"

#include <coeval/multiprocessing/pool.hpp>

#include <cstddef>
#include <functional>
#include <ranges>
#include <string>
#include <vector>

namespace bench {
namespace {

using coeval::multiprocessing::Pool;

int one(int n) {
  return n;
}

// call(pool, inputs) goes through the results.
template <class Call>
double ns_per_element(std::size_t count, Call call) {
  Pool pool({.processes = 2});
  return ns_per_item(count, 1, [&] {
    for (const int n : call(pool, std::views::iota(0, static_cast<int>(count)))) {
      static_cast<void>(n);
    }
  });
}

double map_ns(std::size_t count, std::size_t chunk) {
  return ns_per_element(
      count, [chunk](Pool& pool, auto in) { return pool.map({.chunksize = chunk}, one, in); });
}

double imap_ns(std::size_t count, std::size_t chunk) {
  return ns_per_element(
      count, [chunk](Pool& pool, auto in) { return pool.imap({.chunksize = chunk}, one, in); });
}

double imap_unordered_ns(std::size_t count, std::size_t chunk) {
  return ns_per_element(count, [chunk](Pool& pool, auto in) {
    return pool.imap_unordered({.chunksize = chunk}, one, in);
  });
}

// Chunks of ten are so dear to CPython that it has a tenth of the tasks.
Row row(const std::string& method, std::size_t chunk, const Settings& settings,
        double (*ours)(std::size_t, std::size_t)) {
  const std::size_t count = settings.count(1'000'000);
  const std::size_t rivals = chunk < 100 ? count / 10 : count;
  return {.name = "processes/pool_" + method + "_by_" + std::to_string(chunk),
          .unit = "ns/task",
          .contestants = {{.name = "coeval", .measure = [=] { return ours(count, chunk); }},
                          {.name = "CPython Pool", .measure = [=] {
                             return cpython_process_pool({.kind = "pool"}, "chunks_" + method,
                                                         rivals, chunk);
                           }}}};
}

}  // namespace

std::vector<Row> pool_map_rows(const Settings& settings) {
  std::vector<Row> rows;
  for (const std::size_t chunk : {std::size_t{1000}, std::size_t{10}}) {
    rows.push_back(row("map", chunk, settings, map_ns));
    rows.push_back(row("imap", chunk, settings, imap_ns));
    rows.push_back(row("imap_unordered", chunk, settings, imap_unordered_ns));
  }
  return rows;
}

}  // namespace bench
