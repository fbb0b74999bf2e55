// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ThreadToken: the name of a thread in shared memory, which no later thread has.

#include <sys/types.h>

#include <cstdint>

namespace coeval::multiprocessing::detail {

// The kernel's id of the thread in the low 30 bits, two bits for whoever keeps it, and in the high
// half the time when the thread began, in clock ticks since the boot, so that a recycled id makes
// another token. Never 0.
using ThreadToken = std::uint64_t;

inline constexpr std::uint64_t thread_id_bits = 0x3fff'ffff;

inline pid_t thread_id_of(ThreadToken token) noexcept {
  return static_cast<pid_t>(token & thread_id_bits);
}

// The calling thread. It keeps its id and its time through an execve(2), so there is a second
// number: the program that it runs, in the low half, and in the high half which token that is about.
struct ThisThread {
  ThreadToken token;
  std::uint64_t program;
};

// All 0 until it is asked for; a forked child forgets it with its process: its only thread is the one
// that forked.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ThisThread known_thread;
ThisThread find_this_thread() noexcept;

// Reads /proc once in the life of a thread.
inline ThisThread this_thread() noexcept {
  const ThisThread known = known_thread;
  return known.token != 0 ? known : find_this_thread();
}

// Whether that thread has ended, or runs another program by now. A program that is not about this
// token says nothing. False when it cannot be told. Reads a file of /proc.
bool is_gone(ThisThread thread) noexcept;

}  // namespace coeval::multiprocessing::detail
