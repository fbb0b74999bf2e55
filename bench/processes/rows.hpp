// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rows of the area: the processes are coeval's, forked, or CPython's; none is pinned to a
// processor.

#include "peers/cpython.hpp"
#include "support/suite.hpp"

#include <coeval/multiprocessing/connection.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

std::vector<Row> start_rows(const Settings& settings);
std::vector<Row> message_rows(const Settings& settings);
std::vector<Row> queue_rows(const Settings& settings);
std::vector<Row> large_rows(const Settings& settings);
std::vector<Row> lock_rows(const Settings& settings);
std::vector<Row> pool_rows(const Settings& settings);
std::vector<Row> pool_map_rows(const Settings& settings);
std::vector<Row> pool_growth_rows(const Settings& settings);
std::vector<Row> pool_payload_map_rows(const Settings& settings);

// The median in microseconds of a step that is done so often, after a warm-up.
double median_us(std::size_t count, const std::function<void()>& step);

inline Contestant cpython(const std::string& workload, std::size_t count, std::size_t size = 0,
                          const std::string& name = "CPython") {
  return {.name = name, .measure = [=] { return cpython_processes(workload, count, size); }};
}

inline Contestant no_boost() {
  return {.name = "Boost", .missing = "its package was not found when this was built"};
}

// For processes that measure together: each calls begin() when it is ready and end() when it is
// done; the other side waits for all at both.
class Member {
 public:
  explicit Member(coeval::multiprocessing::Connection& connection) : connection_(connection) {}
  void begin() {
    connection_.send(0);
    connection_.recv<int>();
  }
  void end() { connection_.send(0); }

 private:
  coeval::multiprocessing::Connection& connection_;
};

// The nanoseconds between the moments when all have begun, and all have ended.
double together_ns(std::vector<coeval::multiprocessing::Connection>& members);

}  // namespace bench
