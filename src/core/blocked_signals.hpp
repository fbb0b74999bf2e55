// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// BlockedSignals: starts threads that take no signal from the program.

#include <signal.h>

#include <cstdint>

namespace coeval {

// The kernel hands a signal of the process to any thread that does not block it: it would run the
// program's handler in a thread that the program does not know, or end a program that waits for the
// signal by sigwait or a signalfd. A thread inherits what its starter blocks, so it is blocked here,
// in the calling thread, while this lives: from the new thread's first instruction on.
class BlockedSignals {
 public:
  enum class For : std::uint8_t {
    own_threads,   // that run the library's work
    user_threads,  // that run functions of the program: a profiler's SIGPROF meets them, too
  };

  explicit BlockedSignals(For threads) noexcept;
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals();

 private:
  sigset_t before_{};
};

}  // namespace coeval
