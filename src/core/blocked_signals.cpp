// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/blocked_signals.hpp"

#include <coeval/core/system.hpp>

namespace coeval {
namespace {

// What a thread does to itself. Blocked, it would end the program past its handler for crashes.
constexpr int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

}  // namespace

BlockedSignals::BlockedSignals(For threads) noexcept {
  sys().process.signal_mask(&before_);
  sigset_t blocked{};
  sigfillset(&blocked);
  for (const int fault : faults) {
    if (sigismember(&before_, fault) == 0) {
      sigdelset(&blocked, fault);
    }
  }
  if (threads == For::user_threads && sigismember(&before_, SIGPROF) == 0) {
    sigdelset(&blocked, SIGPROF);
  }
  sys().process.block_signals(&blocked);
}

BlockedSignals::~BlockedSignals() {
  sys().process.block_signals(&before_);
}

}  // namespace coeval
