// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/remote_frames.hpp"

#include "core/code_place.hpp"
#include "core/frame_names.hpp"

#include <algorithm>

namespace coeval::detail {

RemoteFrames RemoteFrames::of(std::span<const std::uintptr_t> addresses) {
  RemoteFrames stack;
  stack.frames.reserve(addresses.size());
  for (const std::uintptr_t address : addresses) {
    const CodePlace place = place_of_code(address);
    if (place.module == nullptr) {
      continue;
    }
    const auto known = std::ranges::find(stack.modules, place.module);
    const auto number = static_cast<std::uint32_t>(known - stack.modules.begin());
    if (known == stack.modules.end()) {
      stack.modules.emplace_back(place.module);
    }
    stack.frames.push_back({.module = number, .offset = place.offset});
  }
  return stack;
}

std::string RemoteFrames::lines() const {
  std::vector<std::uintptr_t> addresses;
  for (const Frame& frame : frames) {
    if (frame.module < modules.size()) {
      const std::uintptr_t address = address_of_code(modules[frame.module], frame.offset);
      if (address != 0) {
        addresses.push_back(address);
      }
    }
  }
  return frame_lines(addresses);
}

}  // namespace coeval::detail
