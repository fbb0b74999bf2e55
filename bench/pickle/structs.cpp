// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A small struct, many of them, structs in structs, and a map.

#include "pickle/rows.hpp"
#include "pickle/values.hpp"

#include <map>

namespace bench {
namespace {

Trade trade(int i) {
  return {.id = i, .price = 0.5 * i, .amount = 1.0, .symbol = {'C', 'O', 'E', 'V'}};
}

Order order(int i) {
  Order made{.id = i,
             .customer = "customer number " + std::to_string(i),
             .items = {},
             .notes = {{"colour", "green"}, {"delivery", "to the neighbour, please"}}};
  for (int item = 0; item < 5; ++item) {
    made.items.push_back({.name = "item " + std::to_string(item), .count = item, .price = 9.99});
  }
  return made;
}

}  // namespace

std::vector<Row> struct_rows(const Settings& settings) {
  const std::size_t trips = settings.count(100'000);
  const auto trades = [] {
    std::vector<Trade> values;
    for (int i = 0; i < 100'000; ++i) {
      values.push_back(trade(i));
    }
    return values;
  };
  const auto orders = [] {
    std::vector<Order> values;
    for (int i = 0; i < 10'000; ++i) {
      values.push_back(order(i));
    }
    return values;
  };
  return {pickle_row(
              "pickle/struct_40B", "ns", [] { return trade(7); }, trips, 1),
          pickle_row("pickle/structs_100k", "ms", trades, 1, 1e6),
          pickle_row(
              "pickle/nested", "ns", [] { return order(7); }, trips / 10, 1),
          pickle_row("pickle/nested_10k", "ms", orders, 1, 1e6)};
}

std::vector<Row> map_rows(const Settings&) {
  const auto map = [] {
    std::map<std::string, int> values;
    for (int i = 0; i < 100'000; ++i) {
      values["key " + std::to_string(i)] = i;
    }
    return values;
  };
  return {pickle_row("pickle/map_100k", "ms", map, 1, 1e6)};
}

}  // namespace bench
