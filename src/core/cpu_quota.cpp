// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The CPU time that control groups leave to this process.

#include <coeval/core/cpu.hpp>
#include <coeval/core/system.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace coeval {
namespace {

constexpr double no_quota = std::numeric_limits<double>::infinity();

// Room for the dozen hierarchies of version 1 with the long paths of container runtimes.
constexpr std::size_t most_bytes = 16'384;

// A small file; nothing if it cannot be read.
std::optional<std::string> contents(const std::string& path) {
  std::string text(most_bytes, '\0');
  const ssize_t size = sys().read_file(path.c_str(), text.data(), text.size());
  if (size < 0) {
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// Takes the part up to the next separator off the front.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// A number that is the whole of the text up to its line end.
std::optional<std::int64_t> number(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

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

// Whether a path leads out of the root: a group beside or above the namespace of this process.
bool leads_out(std::string_view group) {
  while (!group.empty()) {
    if (next_part(group, '/') == "..") {
      return true;
    }
  }
  return false;
}

// A group's limit holds for all below it, so the least from the group up to the root counts. In a
// container the path may be one of the host, which is not there: the root then is the container's.
double quota_on_the_way(const std::string& root, std::string_view group, bool version_2) {
  double least = no_quota;
  if (leads_out(group)) {
    group = "/";
  }
  while (group.size() > 1) {
    least = std::min(least, quota_of_group(root + std::string(group), version_2));
    group = group.substr(0, group.rfind('/'));
  }
  return std::min(least, quota_of_group(root, version_2));
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    if (next_part(controllers, ',') == "cpu") {
      return true;
    }
  }
  return false;
}

// Each line of the file is hierarchy:controllers:path; see cgroups(7).
double quota_of_process() {
  const auto groups = contents("/proc/self/cgroup");
  if (!groups) {
    return no_quota;
  }
  double least = no_quota;
  std::string_view lines = *groups;
  while (!lines.empty()) {
    std::string_view path = next_part(lines, '\n');
    const std::string_view hierarchy = next_part(path, ':');
    const std::string_view controllers = next_part(path, ':');
    if (!path.starts_with('/')) {
      continue;
    }
    if (hierarchy == "0" && controllers.empty()) {
      least = std::min(least, quota_on_the_way("/sys/fs/cgroup", path, true));
    } else if (names_cpu(controllers)) {
      least = std::min(least, quota_on_the_way("/sys/fs/cgroup/cpu", path, false));
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
