// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether somebody has left a name in /dev/shm.

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

namespace support {

inline std::set<std::string> names_of_shared_memory() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    names.insert(entry.path().filename());
  }
  return names;
}

// Waits until there is no other name than before: programs that run at the same time remove theirs.
inline void until_no_new_name(const std::set<std::string>& before) {
  while (!std::ranges::includes(before, names_of_shared_memory())) {
    std::this_thread::yield();
  }
}

}  // namespace support
