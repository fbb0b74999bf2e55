// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rows of the area: a value to bytes, and the bytes to a new value.

#include "peers/serializers.hpp"
#include "support/clock.hpp"
#include "support/suite.hpp"

#include <coeval/pickle/pickle.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

std::vector<Row> number_rows(const Settings& settings);
std::vector<Row> text_rows(const Settings& settings);
std::vector<Row> struct_rows(const Settings& settings);
std::vector<Row> map_rows(const Settings& settings);

struct CoevalPickle {
  template <class T>
  static T round_trip(const T& value) {
    return coeval::pickle::loads<T>(coeval::pickle::dumps(value));
  }
};

// So many round trips, a few times: the median time of one, in nanoseconds divided by scale.
template <class Serializer, class Make>
Contestant serializer(const std::string& name, Make make, std::size_t trips, double scale) {
  const auto measure = [=] {
    const auto value = make();
    if (!(Serializer::round_trip(value) == value)) {
      throw std::runtime_error("another value came back");
    }
    const auto go_round = [&] {
      for (std::size_t i = 0; i < trips; ++i) {
        static_cast<void>(Serializer::round_trip(value));
      }
    };
    return ns_per_item(trips, 7, go_round) / scale;
  };
  return {.name = name, .measure = measure};
}

// A row in which every serializer takes part with the value that make() makes.
template <class Make>
Row pickle_row(const std::string& name, const std::string& unit, Make make, std::size_t trips,
               double scale) {
  Row row{.name = name, .unit = unit};
  row.contestants.push_back(serializer<CoevalPickle>("coeval", make, trips, scale));
#if COEVAL_BENCH_HAS_CEREAL
  row.contestants.push_back(serializer<Cereal>("cereal", make, trips, scale));
#else
  row.contestants.push_back(missing("cereal"));
#endif
#if COEVAL_BENCH_HAS_SERIALIZATION
  row.contestants.push_back(serializer<BoostSerialization>("Boost", make, trips, scale));
#else
  row.contestants.push_back(missing("Boost"));
#endif
#if COEVAL_BENCH_HAS_MSGPACK
  row.contestants.push_back(serializer<Msgpack>("msgpack", make, trips, scale));
#else
  row.contestants.push_back(missing("msgpack"));
#endif
  return row;
}

}  // namespace bench
