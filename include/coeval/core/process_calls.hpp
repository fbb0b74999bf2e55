// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The part of the table of system calls that concerns processes; see system.hpp. Programs have no
// reason to touch it.

#include <signal.h>
#include <sys/types.h>

namespace coeval {

// A program to start. The child has the caller's environment, working directory and umask, the
// descriptors 0 to 2, the one named here as 3, and no other. A standard descriptor that is closed
// here, or close-on-exec, is /dev/null there.
struct SpawnRequest {
  const char* path;
  char* const* arguments;  // ends with a null pointer; so do the variables
  char* const* environment;
  int descriptor;           // becomes 3 in the child
  const sigset_t* blocked;  // the child's signal mask
};

// Each entry returns 0 or the errno value of its failure, unless it says otherwise.
struct ProcessCalls {
  int (*spawn)(const SpawnRequest& request, pid_t* pid) noexcept;  // posix_spawn(3)
  int (*open)(pid_t pid) noexcept;                                 // pidfd_open(2) or -errno
  int (*signal)(int pidfd, int number) noexcept;                   // pidfd_send_signal(2)
  // The end of a child, which is reaped: *code is its exit code, or minus the signal's number.
  // EAGAIN while it runs. waitid(2), and what Linux knows since 6.15 of one that others have reaped.
  int (*reap)(int pidfd, int* code) noexcept;
  void (*discard)(pid_t pid) noexcept;          // kills a child that was just started, and reaps it
  pid_t (*parent)() noexcept;                   // getppid(2)
  uid_t (*user)() noexcept;                     // geteuid(2)
  int (*die_with_parent)() noexcept;            // PR_SET_PDEATHSIG, SIGKILL
  int (*signal_mask)(sigset_t* mask) noexcept;  // of the calling thread
  int (*block_signals)(const sigset_t* mask) noexcept;  // in the calling thread
};

}  // namespace coeval
