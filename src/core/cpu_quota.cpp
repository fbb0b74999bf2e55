// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The CPU time that control groups leave to this process.

#include "core/control_group.hpp"

#include <coeval/core/cpu.hpp>

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <string_view>

namespace coeval {
namespace {

constexpr double no_quota = std::numeric_limits<double>::infinity();

// "150000 100000" is 1.5; a quota of "max", or -1 in version 1, is none.
double ratio(std::string_view quota, std::string_view period) {
  const auto allowed = number(quota);
  const auto of = number(period);
  if (!allowed || !of || *allowed <= 0 || *of <= 0) {
    return no_quota;
  }
  return static_cast<double>(*allowed) / static_cast<double>(*of);
}

double quota_of_group(const std::string& folder, bool version_2) {
  if (version_2) {
    const auto max = contents(folder + "/cpu.max");
    if (!max) {
      return no_quota;
    }
    std::string_view text = *max;
    const std::string_view quota = next_part(text, ' ');
    return ratio(quota, text);
  }
  const auto quota = contents(folder + "/cpu.cfs_quota_us");
  const auto period = contents(folder + "/cpu.cfs_period_us");
  return quota && period ? ratio(*quota, *period) : no_quota;
}

// A group's limit holds for all below it, so the least from the group up to the root counts.
double quota_of_process() {
  double least = no_quota;
  for (const ControlGroup& group : control_groups("cpu")) {
    for (const std::string& folder : group.folders) {
      least = std::min(least, quota_of_group(folder, group.version_2));
    }
  }
  return least;
}

}  // namespace

double cpu_quota() noexcept {
  try {
    return quota_of_process();
  } catch (const std::bad_alloc&) {
    return no_quota;
  }
}

}  // namespace coeval
