// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What tasks carry, so that whoever reads a result knows whether it is that of this task.

#include "soak/plan.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace soak {

using Bytes = std::vector<std::uint8_t>;

// Names a task in the whole run: its slot among the runs in the lower half, chance in the upper one.
using TaskId = std::uint64_t;
constexpr std::size_t slot_of(TaskId id) noexcept {
  return static_cast<std::size_t>(id & 0xffffffffU);
}

inline void fill(std::span<std::uint8_t> bytes, TaskId id) {
  std::uint64_t word = mixed(id);
  for (std::size_t i = 0; i < bytes.size(); i += sizeof word) {
    word = word * 0x9e3779b97f4a7c15ULL + 1;
    std::memcpy(&bytes[i], &word, std::min(sizeof word, bytes.size() - i));
  }
}
inline Bytes bytes_of(TaskId id, std::size_t size) {
  Bytes bytes(size);
  fill(bytes, id);
  return bytes;
}
inline std::string text_of(TaskId id, std::size_t size) {
  const Bytes bytes = bytes_of(id, size);
  return std::string(bytes.begin(), bytes.end());
}

// Of the bytes and their number.
inline std::uint64_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = bytes.size();
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, &bytes[i], sizeof word);
    sum = std::rotl(sum ^ word, 27) * 0x9e3779b97f4a7c15ULL;
  }
  for (; i < bytes.size(); ++i) {
    sum = std::rotl(sum ^ bytes[i], 27) * 0x9e3779b97f4a7c15ULL;
  }
  return mixed(sum);
}
inline std::uint64_t checksum(std::string_view text) {
  return checksum(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

// What a task tells of its arguments: which task it was, what it was given, looked at when it began
// and when it ended, and a body that is made of these.
struct Answer {
  TaskId id = 0;
  std::uint64_t at_start = 0;
  std::uint64_t at_end = 0;
  Bytes body;
};

inline Answer answer_of(TaskId id, std::uint64_t at_start, std::uint64_t at_end, std::size_t size) {
  return {.id = id, .at_start = at_start, .at_end = at_end, .body = bytes_of(id ^ at_end, size)};
}

// "" if it is the answer of this task to arguments with this checksum, else what is wrong with it.
std::string fault_of(const Answer& answer, TaskId id, std::uint64_t sum, std::size_t size);

}  // namespace soak
