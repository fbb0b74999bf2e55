// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one rule by which a process is a child of coeval's or a program of its own, for the parent that
// makes it and for the process that asks itself.
//
// A child is the program executed by child_path, which the kernel tells it in its auxiliary vector.
// Nobody else executes a program by that path, and neither the environment nor a static initialiser
// changes it. Where the kernel's word is not to be had (a sandbox, or the dynamic loader called by
// its name), the mark in the environment stands for it, together with the socket: never the mark
// alone, whoever put it there. A process that was called in one of these ways, and does not find all
// that a child has, is not certain: it ends, and never runs main().

#include <sys/types.h>

#include <string>
#include <vector>

namespace coeval::multiprocessing::detail {

// Another spelling of /proc/self/exe, for children alone.
inline constexpr const char* child_path = "/proc/./self/exe";
// In a child, the socket to its parent.
inline constexpr int control_descriptor = 3;

struct Birth {
  enum class Kind { program, child, uncertain };

  Kind kind = Kind::program;
  pid_t parent = 0;             // of a child
  const char* doubt = nullptr;  // why it is not certain
  bool may_pass = false;        // the next child may be: the kernel had no memory, or the like
};

// What this process is. Removes the mark. Before main(), when nobody changes the environment.
Birth look_at_birth() noexcept;

// The environment of a child: this process's, and the mark in place of any other.
std::vector<std::string> child_environment();

// Errors: RuntimeError if a child that is started by this thread now could not be certain, with the
// reason.
void require_certain_children();

}  // namespace coeval::multiprocessing::detail
