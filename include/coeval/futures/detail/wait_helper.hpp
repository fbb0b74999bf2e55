// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a wait for a future uses the thread that waits: a pool's worker registers one of these for
// its thread, and the futures ask it before they put the thread to sleep. It is what keeps a task
// that waits for a task of its own pool from a deadlock.

#include <coeval/core/export.hpp>
#include <coeval/futures/detail/nesting.hpp>

namespace coeval::detail {

class COEVAL_EXPORT WaitHelper {
 public:
  // Runs the awaited task if it belongs to this worker's pool and has not begun, else a task that
  // the current one submitted. False when there is none of either.
  virtual bool help(Cell& awaited) = 0;

  // The thread is about to sleep, and awake again: the pool may put another thread in its place.
  virtual void before_sleep() noexcept = 0;
  virtual void after_sleep() noexcept = 0;

 protected:
  ~WaitHelper() = default;
};

// The helper of this thread, or null.
COEVAL_EXPORT WaitHelper* current_wait_helper() noexcept;

// Sets this thread's helper and returns the one before.
COEVAL_EXPORT WaitHelper* set_current_wait_helper(WaitHelper* helper) noexcept;

// Tells this thread's helper, if any, about a sleep, before which nothing stays put off.
class SleepNotice {
 public:
  SleepNotice() noexcept : helper_(current_wait_helper()) {
    run_put_off();
    if (helper_ != nullptr) {
      helper_->before_sleep();
    }
  }
  ~SleepNotice() {
    if (helper_ != nullptr) {
      helper_->after_sleep();
    }
  }
  SleepNotice(const SleepNotice&) = delete;
  SleepNotice& operator=(const SleepNotice&) = delete;

 private:
  WaitHelper* const helper_;
};

}  // namespace coeval::detail
