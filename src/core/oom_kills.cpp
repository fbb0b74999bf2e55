// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/oom_kills.hpp"

#include "core/control_group.hpp"

#include <new>
#include <string>
#include <string_view>

namespace coeval {
namespace {

// Of the line "oom_kill 3" of a group's file.
std::optional<std::int64_t> kills_of_group(const std::string& folder, bool version_2) {
  const auto text = contents(folder + (version_2 ? "/memory.events" : "/memory.oom_control"));
  std::string_view lines = text ? std::string_view(*text) : std::string_view();
  while (!lines.empty()) {
    std::string_view line = next_part(lines, '\n');
    if (next_part(line, ' ') == "oom_kill") {
      return number(line);
    }
  }
  return std::nullopt;
}

// The nearest group that counts.
std::optional<std::int64_t> kills_of_process() {
  for (const ControlGroup& group : control_groups("memory")) {
    for (const std::string& folder : group.folders) {
      if (const auto kills = kills_of_group(folder, group.version_2)) {
        return kills;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> oom_kills() noexcept {
  try {
    return kills_of_process();
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

std::optional<bool> OomKills::take_one() noexcept {
  const auto now = oom_kills();
  if (!now || !seen_) {
    seen_ = now;
    return std::nullopt;
  }
  if (*now <= *seen_) {
    seen_ = now;
    return false;
  }
  ++*seen_;
  return true;
}

}  // namespace coeval
