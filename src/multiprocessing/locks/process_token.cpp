// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/process_token.hpp"

#include "multiprocessing/locks/held_locks.hpp"
#include "multiprocessing/locks/process_status.hpp"
#include "multiprocessing/locks/thread_token.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/system.hpp>

#include <pthread.h>

namespace coeval::multiprocessing::detail {

constinit atomic<ProcessToken> known_process{0};

namespace {

void forget() noexcept {
  known_process.store(0, std::memory_order_relaxed);
  known_thread = {.token = 0, .program = 0};
  held_locks = HeldLocks();
  forget_proc_numbers();
}

ProcessToken token_of(pid_t pid, std::uint64_t start) noexcept {
  return (start << 32) | static_cast<std::uint32_t>(pid);
}

}  // namespace

bool forgets_in_children() noexcept {
  static const bool registered = pthread_atfork(nullptr, nullptr, forget) == 0;
  return registered;
}

ProcessToken find_this_process() noexcept {
  const bool keep = forgets_in_children();
  const pid_t pid = sys().getpid();
  const ProcessStatus status = status_of(pid);
  const ProcessToken token = token_of(pid, status.start);
  if (keep && status.error == 0) {
    known_process.store(token, std::memory_order_relaxed);
  }
  return token;
}

bool is_gone(ProcessToken token) noexcept {
  const ProcessStatus status = status_of(pid_of(token));
  if (status.error != 0) {
    return process_has_ended(pid_of(token));
  }
  const ProcessToken now = token_of(pid_of(token), status.start);
  if ((token >> 32) != 0 && now != token) {
    return true;
  }
  // A process is a zombie from the end of its first thread on, while others may still run.
  return status.is_dead() && status.threads <= 1;
}

}  // namespace coeval::multiprocessing::detail
