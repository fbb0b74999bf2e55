// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// ProcessPoolExecutor beside CPython's, multiprocessing.Pool and joblib: small tasks, large
// arguments, the start of a pool, and a death in it.

#include "processes/rows.hpp"
#include "support/clock.hpp"

#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/multiprocessing/barrier.hpp>
#include <coeval/multiprocessing/connection.hpp>

#include <unistd.h>

#include <array>
#include <csignal>
#include <numeric>
#include <ranges>
#include <span>
#include <thread>

namespace bench {
namespace {

namespace mp = coeval::multiprocessing;
using coeval::Future;
using coeval::ProcessPoolExecutor;

constexpr std::size_t large = 100'000'000;
constexpr double rest_us = 500;

// ---- what the workers run -----------------------------------------------------------------------

int one(int n) {
  return n;
}

void meet(const mp::Barrier& barrier) {
  barrier.wait();
}

// Several sums side by side: else each addition would wait for the one before.
double sum(std::span<const double> numbers) {
  std::array<double, 8> sums{};
  const std::size_t whole = numbers.size() / sums.size() * sums.size();
  for (std::size_t i = 0; i < whole; i += sums.size()) {
    for (std::size_t lane = 0; lane < sums.size(); ++lane) {
      sums[lane] += numbers[i + lane];
    }
  }
  const std::span<const double> rest = numbers.subspan(whole);
  return std::accumulate(sums.begin(), sums.end(), 0.0) +
         std::accumulate(rest.begin(), rest.end(), 0.0);
}

std::vector<double> sum_and_return(std::span<const double> numbers) {
  std::vector<double> back(numbers.begin(), numbers.end());
  if (!back.empty()) {
    back.front() = sum(numbers);
  }
  return back;
}

void tell_and_sleep(mp::Connection end) {
  end.send(getpid());
  std::this_thread::sleep_for(std::chrono::minutes(1));
}

// ---- coeval's side ------------------------------------------------------------------------------

double futures_ns(std::size_t count, int workers) {
  ProcessPoolExecutor pool({.max_workers = workers});
  std::vector<Future<int>> futures;
  futures.reserve(count);
  return ns_per_item(count, 1, [&] {
    futures.clear();
    for (std::size_t i = 0; i < count; ++i) {
      futures.push_back(pool.submit(one, 1));
    }
    for (const Future<int>& future : futures) {
      future.result();
    }
  });
}

double map_ns(std::size_t count) {
  ProcessPoolExecutor pool({.max_workers = 2});
  return ns_per_item(count, 1, [&] {
    for (const int n : pool.map(one, std::views::iota(0, static_cast<int>(count)))) {
      static_cast<void>(n);
    }
  });
}

double round_trip_idle_us(std::size_t count) {
  ProcessPoolExecutor pool({.max_workers = 2});
  return median(latencies_ns(count, rest_us, [&] { pool.submit(one, 1).result(); })) / 1e3;
}

// Until so many have answered: each waits for the others there.
double start_us(std::size_t count, int workers, std::size_t memory) {
  const std::vector<char> touched(memory, 'x');
  std::vector<double> times;
  for (std::size_t i = 0; i < count; ++i) {
    const mp::Barrier barrier(workers);
    const double begun = now_ns();
    ProcessPoolExecutor pool({.max_workers = workers});
    std::vector<Future<void>> futures;
    futures.reserve(static_cast<std::size_t>(workers));
    for (int worker = 0; worker < workers; ++worker) {
      futures.push_back(pool.submit(meet, barrier));
    }
    for (const Future<void>& future : futures) {
      future.result();
    }
    times.push_back(now_ns() - begun);
  }
  return median(times) / 1e3;
}

double send_us(std::size_t count, std::size_t size, bool both) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<double> numbers(size / sizeof(double), 1.0);
  return median_us(count, [&] {
    if (both) {
      static_cast<void>(pool.submit(sum_and_return, numbers).take());
    } else {
      pool.submit(sum, numbers).result();
    }
  });
}

// The part of the times between the kill of a worker and: the exception of its task, or the answer
// of the process in its place.
double death_us(std::size_t count, double part, bool refill) {
  ProcessPoolExecutor pool({.max_workers = refill ? 1 : 2});
  std::vector<double> times;
  for (std::size_t i = 0; i < count; ++i) {
    auto [ours, theirs] = mp::Pipe();
    const Future<void> victim = pool.submit(tell_and_sleep, std::move(theirs));
    const auto pid = ours.recv<pid_t>();
    const double killed = now_ns();
    kill(pid, SIGKILL);
    static_cast<void>(victim.exception());
    if (refill) {
      pool.submit(one, 1).result();
    }
    times.push_back(now_ns() - killed);
  }
  return percentile(std::move(times), part) / 1e3;
}

// ---- the rows -----------------------------------------------------------------------------------

Contestant python(const std::string& name, const PythonPool& pool, const std::string& workload,
                  std::size_t count, std::size_t size = 0) {
  return {.name = name,
          .measure = [=] { return cpython_process_pool(pool, workload, count, size); }};
}

Contestant joblib(const std::string& workload, std::size_t count, std::size_t size = 0) {
  static const bool is_there = has_joblib();
  return is_there ? python("joblib", {.kind = "joblib"}, workload, count, size)
                  : Contestant{.name = "joblib", .missing = "python3 has no module joblib"};
}

Row pool_row(const std::string& name, const std::string& unit, std::function<double()> ours) {
  return {.name = "processes/" + name,
          .unit = unit,
          .contestants = {{.name = "coeval", .measure = std::move(ours)}}};
}

void add(Row& row, std::initializer_list<Contestant> rivals) {
  row.contestants.insert(row.contestants.end(), rivals);
}

Row futures_row(const Settings& settings) {
  const std::size_t count = settings.count(200'000);
  Row row = pool_row("futures", "ns/task", [=] { return futures_ns(count, 2); });
  add(row, {python("CPython fork", {.kind = "fork"}, "futures", count / 20),
            python("CPython forkserver", {.kind = "forkserver"}, "futures", count / 20),
            python("CPython Pool", {.kind = "pool"}, "futures", count / 10),
            joblib("futures", count / 100)});
  return row;
}

Row map_row(const Settings& settings) {
  const std::size_t count = settings.count(1'000'000);
  Row row = pool_row("pool_map", "ns/task", [=] { return map_ns(count); });
  add(row, {python("CPython fork", {.kind = "fork"}, "map", count / 100),
            python("CPython Pool", {.kind = "pool"}, "map", count / 10),
            python("CPython Pool chunked", {.kind = "chunked"}, "map", count),
            joblib("map", count / 100)});
  return row;
}

Row idle_row(const Settings& settings) {
  const std::size_t count = settings.count(2000);
  Row row = pool_row("round_trip_idle", "us", [=] { return round_trip_idle_us(count); });
  add(row, {python("CPython fork", {.kind = "fork"}, "round_trip_idle", count),
            python("CPython forkserver", {.kind = "forkserver"}, "round_trip_idle", count),
            python("CPython Pool", {.kind = "pool"}, "round_trip_idle", count),
            joblib("round_trip_idle", count / 20)});
  return row;
}

Row start_row(const std::string& name, const Settings& settings, std::size_t memory) {
  const std::size_t often = settings.count(50);
  const std::size_t seldom = settings.count(10);
  Row row = pool_row(name, "us", [=] { return start_us(often, 2, memory); });
  add(row, {python("CPython fork", {.kind = "fork"}, "start", seldom, memory),
            python("CPython forkserver", {.kind = "forkserver"}, "start", seldom, memory),
            python("CPython spawn", {.kind = "spawn"}, "start", seldom, memory),
            python("CPython Pool", {.kind = "pool"}, "start", seldom, memory)});
  return row;
}

Row send_row(const std::string& name, const Settings& settings, bool both) {
  const std::size_t count = settings.quick ? 1 : 5;
  const std::string suffix = both ? "both" : "in";
  const auto in_ms = [](Contestant contestant) {
    if (contestant.measure) {
      contestant.measure = [us = contestant.measure] { return us().value_or(0) / 1e3; };
    }
    return contestant;
  };
  Row row = pool_row(name, "ms", [=] { return send_us(count, large, both) / 1e3; });
  add(row,
      {in_ms(python("CPython fork", {.kind = "fork"}, "send_" + suffix, count, large)),
       in_ms(python("CPython Pool", {.kind = "pool"}, "send_" + suffix, count, large)),
       in_ms(python("CPython SharedMemory", {.kind = "fork"}, "shared_" + suffix, count, large)),
       in_ms(joblib("send_" + suffix, count, large))});
  return row;
}

Row death_row(const std::string& name, const Settings& settings, const std::string& workload,
              double part, bool refill) {
  const std::size_t count = settings.count(200);
  Row row = pool_row(name, "us", [=] { return death_us(count, part, refill); });
  add(row, {python("CPython fork", {.kind = "fork"}, workload, count)});
  return row;
}

Row workers_row(int workers, const Settings& settings) {
  const std::size_t count = settings.count(100'000);
  Row row = pool_row("growth/pool_workers_" + std::to_string(workers), "ns/task",
                     [=] { return futures_ns(count, workers); });
  add(row, {python("CPython fork", {.kind = "fork", .workers = workers}, "futures", count / 20),
            python("CPython Pool", {.kind = "pool", .workers = workers}, "futures", count / 20)});
  return row;
}

Row payload_row(std::size_t size, const Settings& settings) {
  const std::size_t full = size < 1'000'000 ? 5000 : size < large ? 100 : size == large ? 5 : 2;
  const std::size_t count = std::max<std::size_t>(settings.count(full), 1);
  Row row = pool_row("growth/pool_payload_" + std::to_string(size), "us",
                     [=] { return send_us(count, size, false); });
  add(row, {python("CPython fork", {.kind = "fork"}, "send_in", count, size),
            python("CPython Pool", {.kind = "pool"}, "send_in", count, size)});
  return row;
}

}  // namespace

std::vector<Row> pool_rows(const Settings& settings) {
  constexpr std::size_t gigabyte = std::size_t{1} << 30;
  return {futures_row(settings),
          map_row(settings),
          idle_row(settings),
          start_row("pool_start", settings, 0),
          start_row("pool_start_1GB", settings, gigabyte),
          send_row("pool_send_100MB", settings, false),
          send_row("pool_send_100MB_and_back", settings, true),
          death_row("pool_death", settings, "death", 0.5, false),
          death_row("pool_death_p99", settings, "death_p99", 0.99, false),
          death_row("pool_refill", settings, "refill", 0.5, true)};
}

std::vector<Row> pool_growth_rows(const Settings& settings) {
  std::vector<Row> rows;
  for (const int workers : {1, 2, 4, 8, 16, 64}) {
    rows.push_back(workers_row(workers, settings));
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1000}, std::size_t{1'000'000}, large, 10 * large}) {
    rows.push_back(payload_row(size, settings));
  }
  return rows;
}

}  // namespace bench
