// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/clock.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace bench {
namespace {

double read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

}  // namespace

double now_ns() {
  return read_clock(CLOCK_MONOTONIC);
}

double cpu_ns() {
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void sleep_us(double microseconds) {
  std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(microseconds));
}

double percentile(std::vector<double> values, double part) {
  const auto rank = static_cast<std::size_t>(part * static_cast<double>(values.size()));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size() - 1));
  std::ranges::nth_element(values, nth);
  return *nth;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace bench
