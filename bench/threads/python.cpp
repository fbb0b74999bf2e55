// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// submit and result beside the pool that the API is modelled on.

#include "peers/cpython.hpp"
#include "support/clock.hpp"
#include "threads/rows.hpp"

namespace bench {

std::vector<Row> python_rows(const Settings& settings) {
  const std::size_t tasks = settings.count(1'000'000);
  Row row{.name = "threads/python", .unit = "ns/task"};
  row.contestants.push_back({.name = "coeval", .measure = [tasks] {
                               const PoolWorkloads work = start_coeval(workers);
                               return ns_per_item(tasks, 1, [&] { work.future_each(tasks); });
                             }});
  row.contestants.push_back(
      {.name = "CPython", .measure = [tasks] { return cpython_pool("future_each", tasks / 10); }});
  return {row};
}

}  // namespace bench
