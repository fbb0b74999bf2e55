// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The control groups of this process, and their files: see cgroups(7).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coeval {

// Where a controller of this process is, from its own group up to the root.
struct ControlGroup {
  std::vector<std::string> folders;  // the own one first
  bool version_2 = false;
};

// Those that may have the controller ("cpu", "memory"). In a container the own one may have the path
// that it has on the host, which is not there: the root then is the container's. None if it cannot be
// known. Errors: std::bad_alloc.
std::vector<ControlGroup> control_groups(std::string_view controller);

// A small file; nothing if it cannot be read. Errors: std::bad_alloc.
std::optional<std::string> contents(const std::string& path);

// Takes the part up to the next separator off the front.
std::string_view next_part(std::string_view& text, char separator);

// A number that is the whole of the text up to its line end.
std::optional<std::int64_t> number(std::string_view text);

}  // namespace coeval
