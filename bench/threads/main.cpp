// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// ThreadPoolExecutor beside oneTBB, Boost.Asio, OpenMP, std::async and CPython.

#include "threads/rows.hpp"

namespace bench {

Row pool_row(const std::string& name, const std::string& unit, MeasurePool measure,
             int with_workers) {
  Row row{.name = name, .unit = unit};
  for (const PoolLibrary& library : pool_libraries()) {
    Contestant contestant{.name = library.name};
    if (library.start != nullptr) {
      contestant.measure = [library, measure, with_workers] {
        PoolWorkloads work = library.start(with_workers);
        return measure(work, library.fewer);
      };
    } else {
      contestant.missing = "its package was not found when this was built";
    }
    row.contestants.push_back(std::move(contestant));
  }
  return row;
}

}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_suite("threads",
                          {bench::throughput_rows, bench::latency_rows, bench::computing_rows,
                           bench::idle_rows, bench::python_rows, bench::growth_rows},
                          argc, argv);
}
