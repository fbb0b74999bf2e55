// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Many tiny tasks: what one costs.

#include "support/clock.hpp"
#include "threads/rows.hpp"

namespace bench {
namespace {

constexpr int repetitions = 1;  // after one to warm up

Row fire_and_wait(const Settings& settings) {
  const std::size_t all = settings.count(1'000'000);
  return pool_row("threads/fire_and_wait", "ns/task",
                  [all](PoolWorkloads& work, std::size_t fewer) -> std::optional<double> {
                    if (!work.fire_and_wait) {
                      return std::nullopt;
                    }
                    const std::size_t tasks = all / fewer;
                    return ns_per_item(tasks, repetitions, [&] { work.fire_and_wait(tasks); });
                  });
}

Row future_each(const Settings& settings) {
  const std::size_t all = settings.count(1'000'000);
  return pool_row("threads/future_each", "ns/task",
                  [all](PoolWorkloads& work, std::size_t fewer) -> std::optional<double> {
                    if (!work.future_each) {
                      return std::nullopt;
                    }
                    const std::size_t tasks = all / fewer;
                    return ns_per_item(tasks, repetitions, [&] { work.future_each(tasks); });
                  });
}

Row nested(const Settings& settings) {
  const std::size_t all = settings.count(1000);
  return pool_row("threads/nested", "ns/task",
                  [all](PoolWorkloads& work, std::size_t fewer) -> std::optional<double> {
                    if (!work.nested) {
                      return std::nullopt;
                    }
                    constexpr std::size_t inner = 100;
                    const std::size_t outer = all / fewer;
                    return ns_per_item(outer * inner, repetitions,
                                       [&] { work.nested(outer, inner); });
                  });
}

}  // namespace

std::vector<Row> throughput_rows(const Settings& settings) {
  return {fire_and_wait(settings), future_each(settings), nested(settings)};
}

}  // namespace bench
