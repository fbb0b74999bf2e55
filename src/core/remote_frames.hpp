// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The stack of an exception, as it goes from one process to another that runs the same program: it
// is named only where somebody asks, since that takes far longer than the throw.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coeval::detail {

// What came from another process may hold anything.
struct RemoteFrames {
  static constexpr std::size_t most_frames = 48;

  struct Frame {
    std::uint32_t module = 0;  // its number below
    std::uint64_t offset = 0;  // in the module
  };

  // Of a stack of this process, the innermost frame first. Errors: std::bad_alloc.
  static RemoteFrames of(std::span<const std::uintptr_t> addresses);

  // As ThrowStack::text() has it, without the frames whose code this process does not have.
  std::string lines() const;

  std::vector<std::string> modules;  // paths; empty for the program
  std::vector<Frame> frames;         // innermost first
};

}  // namespace coeval::detail
