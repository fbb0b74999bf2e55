// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The seam to the kernel: every system call, clock, random number, thread start and fork of the
// library goes through the one table below, so that a test can make the Nth call fail, stop the
// clock or count the calls. Programs have no reason to touch it.

#include <coeval/core/descriptor_calls.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/process_calls.hpp>

#include <pthread.h>
#include <sched.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace coeval {

// A deadline in the table's units that never passes.
inline constexpr std::int64_t never_ns = INT64_MAX;

// Each entry that can fail returns 0, or the errno value of its failure; entries that return a
// count return it, or -errno.
struct SystemCalls {
  // CLOCK_MONOTONIC in nanoseconds.
  std::int64_t (*monotonic_ns)() noexcept;

  // The CPU time that a thread has used, in nanoseconds; -1 when the kernel does not tell.
  std::int64_t (*thread_cpu_ns)(pthread_t thread) noexcept;

  // Sleeps while *word == expected, until a wake or the CLOCK_MONOTONIC time deadline_ns (never_ns:
  // for ever). 0 when woken, EAGAIN when the value differed, ETIMEDOUT, EINTR. See futex(2).
  int (*futex_wait)(const std::uint32_t* word, std::uint32_t expected,
                    std::int64_t deadline_ns) noexcept;

  // Wakes up to count sleepers on word.
  int (*futex_wake)(const std::uint32_t* word, int count) noexcept;

  // The same for a word in memory that several processes share.
  int (*shared_futex_wait)(const std::uint32_t* word, std::uint32_t expected,
                           std::int64_t deadline_ns) noexcept;
  int (*shared_futex_wake)(const std::uint32_t* word, int count) noexcept;
  // Stores value (of at most 11 bits) in *word, or sets its bits there, or adds it, and wakes all
  // sleepers, in one step as far as a SIGKILL is concerned. FUTEX_WAKE_OP in futex(2).
  int (*shared_futex_store)(std::uint32_t* word, std::uint32_t value) noexcept;
  int (*shared_futex_or)(std::uint32_t* word, std::uint32_t value) noexcept;
  int (*shared_futex_add)(std::uint32_t* word, std::uint32_t value) noexcept;

  // stack_size: bytes; 0: the process's default.
  int (*thread_create)(pthread_t* thread, std::size_t stack_size, void* (*entry)(void*),
                       void* argument) noexcept;
  int (*thread_join)(pthread_t thread) noexcept;
  pthread_t (*thread_self)() noexcept;
  int (*thread_set_name)(pthread_t thread, const char* name) noexcept;  // at most 15 bytes

  pid_t (*gettid)() noexcept;
  pid_t (*getpid)() noexcept;
  pid_t (*fork)() noexcept;                                    // as fork(2), -errno on failure
  int (*affinity)(std::size_t size, cpu_set_t* set) noexcept;  // of the calling thread
  int (*set_affinity)(std::size_t size, const cpu_set_t* set) noexcept;  // of the calling thread
  int (*current_cpu)() noexcept;  // of the calling thread; -1 when the kernel does not tell
  void (*yield)() noexcept;       // lets another thread run that waits for this processor
  int (*random)(void* buffer, std::size_t size) noexcept;

  // Reads a small file whole: the number of bytes put into buffer (at most size), or -errno.
  ssize_t (*read_file)(const char* path, char* buffer, std::size_t size) noexcept;
  // Writes to standard error, as much as it takes; never fails visibly.
  void (*write_error)(const char* text, std::size_t size) noexcept;

  DescriptorCalls descriptor;
  ProcessCalls process;
};

// The table in force. Thread-safe.
COEVAL_EXPORT const SystemCalls& sys() noexcept;

// The kernel's own table, for a replacement to copy from and to fall back to.
COEVAL_EXPORT const SystemCalls& kernel() noexcept;

// Puts another table in force and returns the one before. The table must outlive its use; threads
// that are inside an old entry finish there. For tests.
COEVAL_EXPORT const SystemCalls& replace_system_calls(const SystemCalls& table) noexcept;

}  // namespace coeval
