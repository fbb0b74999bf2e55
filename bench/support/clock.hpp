// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clocks, and what is made of many readings.

#include <cstddef>
#include <vector>

namespace bench {

// Nanoseconds of the steady clock.
double now_ns();

// Nanoseconds of CPU time that all threads of this process have used.
double cpu_ns();

void sleep_us(double microseconds);

// The value below which the given part (0 to 1) of the values lies. At least one value.
double percentile(std::vector<double> values, double part);
double median(std::vector<double> values);

// Calls f once to warm up, then repetitions times: the median time of a call, per item.
template <class F>
double ns_per_item(std::size_t items, int repetitions, F&& f) {
  f();
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    const double start = now_ns();
    f();
    times.push_back((now_ns() - start) / static_cast<double>(items));
  }
  return median(std::move(times));
}

// Calls f samples times, after a pause of gap_us each: the times of the calls, after a warm-up.
template <class F>
std::vector<double> latencies_ns(std::size_t samples, double gap_us, F&& f) {
  std::vector<double> times;
  const std::size_t warm_up = samples / 10 + 1;
  for (std::size_t i = 0; i < warm_up + samples; ++i) {
    if (gap_us > 0) {
      sleep_us(gap_us);
    }
    const double start = now_ns();
    f();
    if (i >= warm_up) {
      times.push_back(now_ns() - start);
    }
  }
  return times;
}

}  // namespace bench
