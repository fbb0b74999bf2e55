// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ProcessToken: the name of a process in shared memory, which no later process has.

#include <coeval/core/atomic.hpp>

#include <sys/types.h>

#include <cstdint>

namespace coeval::multiprocessing::detail {

// The pid in the low half; in the high half the time when the process began, in clock ticks since
// the boot, so that a recycled pid makes another token. Never 0.
using ProcessToken = std::uint64_t;

// This process, 0 until it is asked for; a forked child forgets it.
extern constinit atomic<ProcessToken> known_process;
ProcessToken find_this_process() noexcept;

// This process. Reads /proc once in the life of a process; a forked child has its own.
inline ProcessToken this_process() noexcept {
  const ProcessToken token = known_process.load(std::memory_order_relaxed);
  return token != 0 ? token : find_this_process();
}

// Whether that process has ended, even if nobody has reaped it yet. False when that cannot be told.
// Reads a file of /proc.
bool is_gone(ProcessToken token) noexcept;

inline pid_t pid_of(ProcessToken token) noexcept {
  return static_cast<pid_t>(token & 0xffffffffU);
}

// Whether what a process knows of itself and of its thread may be kept: a forked child forgets it.
bool forgets_in_children() noexcept;

}  // namespace coeval::multiprocessing::detail
