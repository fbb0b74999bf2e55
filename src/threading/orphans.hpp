// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Orphans: threads that no handle joins. The next start of a thread does it.

namespace coeval::threading::detail {

// Joins the orphans that have ended. The last moments of one are the program's: the destructors of its
// thread-specific values.
void join_orphans() noexcept;

// For its life the calling thread's starts join no orphans, since it holds a lock which these may want.
class KeepOrphans {
 public:
  KeepOrphans() noexcept;
  KeepOrphans(const KeepOrphans&) = delete;
  KeepOrphans& operator=(const KeepOrphans&) = delete;
  ~KeepOrphans();

  static bool on_this_thread() noexcept;
};

}  // namespace coeval::threading::detail
