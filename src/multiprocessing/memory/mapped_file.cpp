// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/memory/mapped_file.hpp"

#include <coeval/core/system.hpp>

#include <charconv>
#include <cstddef>
#include <memory>
#include <string_view>

namespace coeval::multiprocessing::detail {
namespace {

std::string whole_file(const char* path) {
  for (std::size_t room = std::size_t{64} << 10;; room *= 2) {
    std::string text(room, '\0');
    const ssize_t size = sys().read_file(path, text.data(), text.size());
    if (size < 0) {
      return {};
    }
    if (static_cast<std::size_t>(size) < room) {
      text.resize(static_cast<std::size_t>(size));
      return text;
    }
  }
}

// Takes a hexadecimal number off the front, and the character behind it.
std::uintptr_t take_number(std::string_view& text) noexcept {
  std::uintptr_t number = 0;
  const char* const begin = std::to_address(text.begin());
  const char* const end = std::to_address(text.end());
  const char* const next = std::from_chars(begin, end, number, 16).ptr;
  text.remove_prefix(static_cast<std::size_t>(next - begin) + (next < end ? 1 : 0));
  return number;
}

}  // namespace

// Source: proc_pid_maps(5). A line is "begin-end permissions offset device inode      path".
std::string mapped_file(std::uintptr_t address) {
  const std::string text = whole_file("/proc/self/maps");
  std::string_view left = text;
  while (!left.empty()) {
    std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(line.size() < left.size() ? line.size() + 1 : line.size());
    const std::uintptr_t begin = take_number(line);
    const std::uintptr_t end = take_number(line);
    if (address < begin || address >= end) {
      continue;
    }
    const std::size_t path = line.find('/');
    return path == std::string_view::npos || line.ends_with(" (deleted)")
               ? std::string()
               : std::string(line.substr(path));
  }
  return {};
}

}  // namespace coeval::multiprocessing::detail
