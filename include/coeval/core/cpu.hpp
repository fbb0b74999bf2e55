// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>

#include <vector>

namespace coeval {

// All of these are thread-safe, block for no longer than it takes to read small files of /proc and
// /sys, and ask anew at each call.
//
// The affinity mask is the calling thread's. A new thread has that of the thread that started it,
// so it is one mask for the whole process, unless a thread was pinned.

// How many processors this process may run on, by its affinity mask; at least 1. Python's
// os.process_cpu_count.
COEVAL_EXPORT int process_cpu_count() noexcept;

// The numbers of these processors, ascending; empty if the kernel does not tell. Raises
// std::bad_alloc.
COEVAL_EXPORT std::vector<int> process_cpus();

// How many processors' time the control groups of this process leave it, as `docker run --cpus=1.5`
// and Kubernetes' limits set it: 1.5. The least of all levels, above 0; infinity without a limit, or
// if the files cannot be read or make no sense. See cpu.max in the kernel's cgroup-v2
// documentation, and cpu.cfs_quota_us for version 1.
COEVAL_EXPORT double cpu_quota() noexcept;

// How many threads can compute at one time: process_cpu_count(), or the quota rounded up if that is
// less; at least 1. The library's defaults go by it.
COEVAL_EXPORT int usable_cpu_count() noexcept;

// Has the calling thread, and those that it starts from now on, run on this processor alone. 0, or
// an errno value: EINVAL if there is no such processor or the process's cpuset leaves it out. See
// sched_setaffinity(2).
COEVAL_EXPORT int pin_this_thread(int cpu) noexcept;

}  // namespace coeval
