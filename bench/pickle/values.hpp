// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The structs that are pickled. coeval needs nothing in them; the rivals need a line each.

#include "peers/serializers.hpp"

#include <coeval/pickle/archive.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#if COEVAL_BENCH_HAS_MSGPACK
#define BENCH_MSGPACK(...) MSGPACK_DEFINE(__VA_ARGS__)
#else
#define BENCH_MSGPACK(...)
#endif

namespace bench {

// 40 bytes.
struct Trade {
  std::int64_t id = 0;
  double price = 0;
  double amount = 0;
  std::array<char, 16> symbol = {};

  bool operator==(const Trade&) const = default;
  BENCH_MSGPACK(id, price, amount, symbol)
};
static_assert(sizeof(Trade) == 40);

struct Item {
  std::string name;
  std::int32_t count = 0;
  double price = 0;

  bool operator==(const Item&) const = default;
  BENCH_MSGPACK(name, count, price)
};

struct Order {
  std::int64_t id = 0;
  std::string customer;
  std::vector<Item> items;
  std::map<std::string, std::string> notes;

  bool operator==(const Order&) const = default;
  BENCH_MSGPACK(id, customer, items, notes)
};

// cereal's; beside the structs, so that these stay the aggregates that coeval pickles.
template <class A>
concept RivalArchive = !coeval::pickle::Archive<A>;

template <RivalArchive A>
void serialize(A& archive, Trade& value) {
  archive & value.id & value.price & value.amount & value.symbol;
}
template <RivalArchive A>
void serialize(A& archive, Item& value) {
  archive & value.name & value.count & value.price;
}
template <RivalArchive A>
void serialize(A& archive, Order& value) {
  archive & value.id & value.customer & value.items & value.notes;
}

}  // namespace bench

// Boost's.
namespace boost::serialization {

template <class A>
void serialize(A& archive, bench::Trade& value, unsigned) {
  bench::serialize(archive, value);
}
template <class A>
void serialize(A& archive, bench::Item& value, unsigned) {
  bench::serialize(archive, value);
}
template <class A>
void serialize(A& archive, bench::Order& value, unsigned) {
  bench::serialize(archive, value);
}

}  // namespace boost::serialization
