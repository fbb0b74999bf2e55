// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/control_group.hpp"

#include <coeval/core/system.hpp>

#include <charconv>
#include <cstddef>
#include <system_error>

namespace coeval {
namespace {

// Room for the dozen hierarchies of version 1 with the long paths of container runtimes.
constexpr std::size_t most_bytes = 16'384;

// Whether a path leads out of the root: a group beside or above the namespace of this process.
bool leads_out(std::string_view group) {
  while (!group.empty()) {
    if (next_part(group, '/') == "..") {
      return true;
    }
  }
  return false;
}

ControlGroup group_at(const std::string& root, std::string_view path, bool version_2) {
  ControlGroup group{.folders = {}, .version_2 = version_2};
  if (leads_out(path)) {
    path = "/";
  }
  while (path.size() > 1) {
    group.folders.push_back(root + std::string(path));
    path = path.substr(0, path.rfind('/'));
  }
  group.folders.push_back(root);
  return group;
}

bool names(std::string_view controllers, std::string_view controller) {
  while (!controllers.empty()) {
    if (next_part(controllers, ',') == controller) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<std::string> contents(const std::string& path) {
  std::string text(most_bytes, '\0');
  const ssize_t size = sys().read_file(path.c_str(), text.data(), text.size());
  if (size < 0) {
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

std::optional<std::int64_t> number(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

// Each line of the file is hierarchy:controllers:path.
std::vector<ControlGroup> control_groups(std::string_view controller) {
  std::vector<ControlGroup> groups;
  const auto text = contents("/proc/self/cgroup");
  if (!text) {
    return groups;
  }
  std::string_view lines = *text;
  while (!lines.empty()) {
    std::string_view path = next_part(lines, '\n');
    const std::string_view hierarchy = next_part(path, ':');
    const std::string_view controllers = next_part(path, ':');
    if (!path.starts_with('/')) {
      continue;
    }
    if (hierarchy == "0" && controllers.empty()) {
      groups.push_back(group_at("/sys/fs/cgroup", path, true));
    } else if (names(controllers, controller)) {
      groups.push_back(group_at("/sys/fs/cgroup/" + std::string(controller), path, false));
    }
  }
  return groups;
}

}  // namespace coeval
