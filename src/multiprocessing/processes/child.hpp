// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The parent's and the child's view of a start: what tells a program that it is a child, and what
// it then does.

#include "multiprocessing/processes/process_state.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/parcel.hpp>

#include <cstdint>
#include <string>

namespace coeval::multiprocessing::detail {

// The first part of what a child is sent, before its target.
struct ChildSettings {
  std::string name;
  bool daemon = false;
  std::string parent_name;
  bool is_worker = false;  // of a pool: it unblocks the signals when it can answer them
};

// How a process ends that was started as a child and cannot be one, and how the dynamic loader ends
// a program for which it finds no library.
inline constexpr int uncertain_exitcode = 126;
inline constexpr int loader_exitcode = 127;

// Whether the children of this process will be taken over before their main().
enum class Takeover : std::uint32_t {
  unknown,  // nobody has come by here
  to_come,  // this program's static initialisers run
  done      // main() may run
};
void note_takeover(Takeover stage) noexcept;

// Errors: RuntimeError with the reason if this thread can start no child now.
void require_children_possible();

// If this process is the child of a Process: runs its target, *exitcode is what main() is to
// return, and true. One that may be a child and is not certain ends: see birth.hpp.
bool run_if_child(int* exitcode);

// This process's own state and its parent's (null for the first one).
ProcessState& current_state();
std::shared_ptr<ProcessState> parent_state();

}  // namespace coeval::multiprocessing::detail
