// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RemoteTask: what a cell asks about a task whose function is called in another process, where
// nobody moves the cell's state.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>

namespace coeval::detail {

class COEVAL_EXPORT RemoteTask {
 public:
  // Takes the task away from its executor, for good, if it has not begun: true, and it never will.
  // False if it has begun: the cell is running or done then.
  virtual bool withdraw() noexcept = 0;

  // Moves the cell to running if the function has begun.
  virtual void note_start() noexcept = 0;

  // Helps the result along while this thread waits for it. Returns when the cell is done, at the
  // deadline, or when there is nothing to help with.
  virtual void help_along(Deadline deadline) = 0;

 protected:
  ~RemoteTask() = default;
};

}  // namespace coeval::detail
