// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// How the cost of a task grows with the number of workers, and of threads that submit.

#include "support/clock.hpp"
#include "threads/rows.hpp"

#include <algorithm>
#include <string>
#include <thread>

namespace bench {
namespace {

using Tasks = std::function<void(std::size_t)> PoolWorkloads::*;

// Libraries that make a thread for each task have no workers to count.
bool has_workers(std::size_t fewer) {
  return fewer == 1;
}

Row with_workers(const std::string& what, int count, std::size_t tasks, Tasks workload) {
  return pool_row(
      "threads/growth/workers_" + std::to_string(count) + "/" + what, "ns/task",
      [=](PoolWorkloads& work, std::size_t fewer) -> std::optional<double> {
        if (!(work.*workload) || !has_workers(fewer)) {
          return std::nullopt;
        }
        return ns_per_item(tasks, 1, [&] { (work.*workload)(tasks); });
      },
      count);
}

Row with_submitters(std::size_t count, std::size_t tasks) {
  return pool_row("threads/growth/submitters_" + std::to_string(count) + "/forget", "ns/task",
                  [=](PoolWorkloads& work, std::size_t fewer) -> std::optional<double> {
                    if (!work.fire_and_forget || !has_workers(fewer)) {
                      return std::nullopt;
                    }
                    return ns_per_item(tasks, 1, [&] {
                      std::vector<std::thread> submitters;
                      for (std::size_t i = 0; i < count; ++i) {
                        submitters.emplace_back([&] { work.fire_and_forget(tasks / count); });
                      }
                      for (std::thread& submitter : submitters) {
                        submitter.join();
                      }
                    });
                  });
}

}  // namespace

std::vector<Row> growth_rows(const Settings& settings) {
  const std::size_t tasks = settings.count(200'000);
  std::vector<Row> rows;
  for (const int count : {1, 2, 4, 8, 64, 1000}) {
    // With very many workers some libraries take a thousand times as long.
    const std::size_t some = count < 64 ? tasks : tasks / 10;
    rows.push_back(with_workers("forget", count, some, &PoolWorkloads::fire_and_forget));
    rows.push_back(with_workers("each", count, some, &PoolWorkloads::future_each));
  }
  for (const std::size_t count : {1U, 2U, 4U, 8U, 16U}) {
    rows.push_back(with_submitters(count, 2 * tasks));
  }
  return rows;
}

}  // namespace bench
