// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What symbol tables and debug information say about addresses of this process.

#include "core/frame_names.hpp"

#include <memory>

namespace coeval::detail {

// Read by libdw (elfutils), which is loaded when it is first asked for: programs pay nothing for it
// at their start, and do without where it is missing. For one thread at a time.
class DebugInfo {
 public:
  DebugInfo();
  ~DebugInfo();
  DebugInfo(const DebugInfo&) = delete;
  DebugInfo& operator=(const DebugInfo&) = delete;

  // Fills in what it knows.
  void look_up(std::uintptr_t address, NamedFrame& frame);

 private:
  struct Session;
  std::unique_ptr<Session> session_;  // null without libdw
};

}  // namespace coeval::detail
