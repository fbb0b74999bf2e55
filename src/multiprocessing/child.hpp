// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The parent's and the child's view of a start: what tells a program that it is a child, and what
// it then does.

#include "process_state.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/parcel.hpp>

#include <string>
#include <vector>

namespace coeval::multiprocessing::detail {

// The first part of what a child is sent, before its target.
struct ChildSettings {
  std::string name;
  bool daemon = false;
  std::string parent_name;
};

// This process has been taken over, so its children will be: set before main() or by
// freeze_support().
bool can_start_children() noexcept;
void children_can_be_started() noexcept;

// The environment of a child: this process's, and what marks the child as such.
std::vector<std::string> child_environment();

// If this process is the child of a Process: runs its target, *exitcode is what main() is to
// return, and true. Removes the mark.
bool run_if_child(int* exitcode);

// This process's own state and its parent's (null for the first one).
ProcessState& current_state();
std::shared_ptr<ProcessState> parent_state();

}  // namespace coeval::multiprocessing::detail
