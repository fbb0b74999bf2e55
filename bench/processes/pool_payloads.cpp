// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What the elements of a map cost by their size: each goes to a process, and comes back.

#include "processes/rows.hpp"
#include "support/clock.hpp"

#include <coeval/executors/process_pool_executor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

using coeval::ProcessPoolExecutor;

std::string same(std::string bytes) {
  return bytes;
}

double map_us(std::size_t count, std::size_t size) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::string bytes(size, 'x');
  const auto inputs = std::views::iota(std::size_t{0}, count) |
                      std::views::transform([&bytes](std::size_t) { return bytes; });
  return ns_per_item(count, 1,
                     [&] {
                       std::size_t came = 0;
                       for (const std::string& result : pool.map(same, inputs)) {
                         came += result.size();
                       }
                       if (came != count * size) {
                         throw std::logic_error("a map has lost bytes");
                       }
                     }) /
         1e3;
}

// What no way between processes is below.
double copies_us(std::size_t count, std::size_t size) {
  std::string there(size, 'x');
  std::string back(size, 'y');
  return ns_per_item(count, 1,
                     [&] {
                       for (std::size_t i = 0; i < count; ++i) {
                         std::memcpy(there.data(), back.data(), size);
                         asm volatile("" : : "r"(there.data()) : "memory");
                         std::memcpy(back.data(), there.data(), size);
                         asm volatile("" : : "r"(back.data()) : "memory");
                       }
                     }) /
         1e3;
}

}  // namespace

std::vector<Row> pool_payload_map_rows(const Settings& settings) {
  constexpr std::size_t smallest = std::size_t{1} << 10;
  constexpr std::size_t largest = std::size_t{1} << 20;
  std::vector<Row> rows;
  for (std::size_t size = smallest; size <= largest; size *= 2) {
    const std::size_t all = std::clamp<std::size_t>((std::size_t{200} << 20) / size, 500, 20'000);
    const std::size_t count = std::max<std::size_t>(settings.count(all), 1);
    rows.push_back(
        {.name = "processes/growth/pool_map_" + std::to_string(size),
         .unit = "us",
         .contestants = {
             {.name = "coeval", .measure = [=] { return map_us(count, size); }},
             {.name = "memcpy there and back", .measure = [=] { return copies_us(count, size); }},
             {.name = "CPython Pool", .measure = [=] {
                return cpython_process_pool({.kind = "pool"}, "map_same", count / 5 + 1, size);
              }}}});
  }
  return rows;
}

}  // namespace bench
