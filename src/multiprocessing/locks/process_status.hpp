// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ProcessStatus: what the kernel tells of a process, or of a thread, to anybody.

#include <sys/types.h>

#include <cstdint>

namespace coeval::multiprocessing::detail {

// One reading of /proc/<id>/stat.
struct ProcessStatus {
  int error;            // 0 or an errno value
  char state;           // R, S, D, Z, X …
  long threads;         // including a first thread that has ended
  std::uint64_t start;  // clock ticks from the boot to the beginning of this thread
  // Where the stack of the program begins: by chance for each execve(2) and kept by its threads and
  // forks. 0 if the reader may not know.
  std::uint64_t stack;

  // Whether this thread will never run again.
  bool is_dead() const noexcept { return state == 'Z' || state == 'X'; }
};

// Of a process or a thread, by the kernel's id. EXDEV where the numbers of /proc are those of another
// PID namespace.
ProcessStatus status_of(pid_t id) noexcept;

// Whether a process or a thread of that id has ended, as far as the kernel tells without /proc, which
// may hide what belongs to other users, count in another PID namespace, or not be there. A pidfd is
// readable when its process has ended with all its threads; of a thread that is not the first of its
// process only its existence is known. Source: pidfd_open(2).
bool process_has_ended(
    pid_t pid) noexcept;  // an id that is a thread's by now is no process any more
bool thread_has_ended(pid_t id) noexcept;

// In a forked child, which may be in another PID namespace.
void forget_proc_numbers() noexcept;

}  // namespace coeval::multiprocessing::detail
