// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// multiprocessing and the process pool beside CPython's, Boost.Interprocess and the system calls themselves.

#include "processes/rows.hpp"
#include "support/clock.hpp"

namespace bench {

double median_us(std::size_t count, const std::function<void()>& step) {
  return median(latencies_ns(count, 0, step)) / 1e3;
}

double together_ns(std::vector<coeval::multiprocessing::Connection>& members) {
  const auto wait_for_all = [&members] {
    for (auto& member : members) {
      member.recv<int>();
    }
  };
  wait_for_all();
  const double start = now_ns();
  for (auto& member : members) {
    member.send(0);
  }
  wait_for_all();
  return now_ns() - start;
}

}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_suite(
      "processes",
      {bench::start_rows, bench::message_rows, bench::queue_rows, bench::large_rows,
       bench::lock_rows, bench::pool_rows, bench::pool_map_rows, bench::pool_growth_rows,
       bench::pool_payload_map_rows},
      argc, argv);
}
