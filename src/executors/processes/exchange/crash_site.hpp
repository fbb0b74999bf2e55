// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where a worker of a process pool crashed: told by the worker, named by the pool.

#include "executors/processes/exchange/region.hpp"

#include <string>

namespace coeval::detail {

// In a worker: has the fatal signals of this thread noted at the site, with the stack, before they
// do what they did before. Only async-signal-safe calls are made then, and no memory is allocated.
void note_crashes(CrashSite& site);

// While it lives, what is noted goes no further out than the function that made it.
class CrashLimit {
 public:
  CrashLimit() noexcept;
  CrashLimit(const CrashLimit&) = delete;
  CrashLimit& operator=(const CrashLimit&) = delete;
  ~CrashLimit();
};

// In the pool: a line per frame, "  at decode (decode.cpp:41)", the innermost first; empty if the
// site has none of that signal, since the process has survived the fault that it has. The site may
// hold anything.
std::string crash_lines(const CrashSite& site, int signal);

}  // namespace coeval::detail
