// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "peers/cpython.hpp"

#include <fmt/format.h>
#include <stdio.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace bench {
namespace {

constexpr const char* script = R"(
import statistics, sys, time
from concurrent.futures import ThreadPoolExecutor

workload, count, gap = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1e6
now = time.perf_counter_ns

def one():
    return 1

with ThreadPoolExecutor(2) as pool:
    def future_each(tasks):
        start = now()
        futures = [pool.submit(one) for _ in range(tasks)]
        for future in futures:
            future.result()
        return (now() - start) / tasks

    def round_trip():
        time.sleep(gap) if gap else None
        start = now()
        pool.submit(one).result()
        return now() - start

    future_each(1000)
    if workload == "future_each":
        print(future_each(count))
    elif workload == "round_trip":
        print(statistics.median(round_trip() for _ in range(count)))
    elif workload == "idle_cpu":
        time.sleep(0.1)
        start, cpu = now(), time.process_time_ns()
        time.sleep(0.5)
        print(1e3 * (time.process_time_ns() - cpu) / (now() - start))
)";

}  // namespace

double run_python(const std::string& program, const std::string& arguments) {
  // The distribution's own comes first: it is built with profile feedback.
  const std::string command =
      fmt::format("PATH=/usr/bin:$PATH; exec python3 -c '{}' {} 2>/dev/null", program, arguments);
  const std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "r"), pclose);
  char text[64] = {};
  if (output == nullptr || fgets(text, sizeof text, output.get()) == nullptr) {
    throw std::runtime_error("no python3 that answers");
  }
  return std::strtod(text, nullptr);
}

double cpython_pool(const std::string& workload, std::size_t count, double gap_us) {
  return run_python(script, fmt::format("{} {} {}", workload, count, gap_us));
}

}  // namespace bench
