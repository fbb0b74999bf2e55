// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/thread_token.hpp"

#include "multiprocessing/locks/held_locks.hpp"
#include "multiprocessing/locks/process_status.hpp"
#include "multiprocessing/locks/process_token.hpp"

#include <coeval/core/system.hpp>

namespace coeval::multiprocessing::detail {

constinit thread_local ThisThread known_thread{.token = 0, .program = 0};
constinit thread_local HeldLocks held_locks;

namespace {

// Knuth's multiplicative hash: the upper half depends on all bits.
constexpr std::uint64_t upper_hash(std::uint64_t value) noexcept {
  return (value ^ (value >> 32)) * 0x9E37'79B9'7F4A'7C15 >> 32;
}

constexpr std::uint64_t half = 0xffff'ffff;

std::uint64_t program_of(ThreadToken token, std::uint64_t stack) noexcept {
  return (upper_hash(token) << 32) | (stack == 0 ? 0 : upper_hash(stack) | 1);
}

}  // namespace

ThisThread find_this_thread() noexcept {
  const bool keep = forgets_in_children();
  const pid_t id = sys().gettid();
  const ProcessStatus status = status_of(id);
  const ThreadToken token = (status.start << 32) | static_cast<std::uint32_t>(id);
  const ThisThread found{.token = token, .program = program_of(token, status.stack)};
  if (keep && status.error == 0) {
    known_thread = found;
  }
  return found;
}

bool is_gone(ThisThread thread) noexcept {
  const pid_t id = thread_id_of(thread.token);
  if (id == 0) {
    return true;  // no thread has this token, so nobody will come back for it
  }
  const ProcessStatus status = status_of(id);
  if (status.error != 0) {
    return thread_has_ended(id);
  }
  const std::uint64_t start = thread.token >> 32;
  if (status.is_dead() || (start != 0 && start != (status.start & half))) {
    return true;
  }
  const ThreadToken token = (start << 32) | static_cast<std::uint32_t>(id);
  const std::uint64_t now = program_of(token, status.stack);
  return now >> 32 == thread.program >> 32 && (thread.program & half) != 0 && (now & half) != 0 &&
         now != thread.program;
}

}  // namespace coeval::multiprocessing::detail
