// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Barrier: a fixed number of threads wait for each other.

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace coeval::threading {

// Lets `parties` threads pass together, again and again; Python's threading.Barrier.
//
//   Barrier barrier(3, [] { swap_buffers(); });
//   while (work()) {
//     barrier.wait();            // in each of three threads
//   }
//
// Thread-safe. wait() blocks until all parties have come; the last one runs the action, then all go
// on. A timeout, abort(), reset() or an exception in the action breaks it: everybody who waits
// gets BrokenBarrierError, so nobody waits for a party that will not come. A broken barrier stays
// so until reset(). Whoever destroys it makes sure that nobody is inside.
class COEVAL_EXPORT Barrier {
 public:
  // action is called by one of the parties each time all have come, before any goes on, never
  // twice at once. timeout is for each wait() that names no deadline; the default is never.
  // Errors: ValueError if parties < 1.
  explicit Barrier(int parties, Function<void()> action = {},
                   std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max());
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // Waits for the other parties. Returns the place of this call among theirs, 0 … parties - 1, each
  // once, by which they may choose one for special work. The deadline counts until the last party
  // has come; the action may take longer. Errors: BrokenBarrierError; what the action raised, for
  // the thread that ran it.
  int wait() { return wait(Deadline(timeout_)); }
  int wait(Deadline deadline);

  // Breaks the barrier: for a party that cannot come any more.
  void abort() { break_all(Outcome::aborted, true); }
  // Sends everybody who waits away with BrokenBarrierError; the barrier is as new.
  void reset() { break_all(Outcome::reset, false); }

  int parties() const noexcept { return parties_; }
  // How many wait at this moment.
  int n_waiting() const;
  bool broken() const;

 private:
  struct Waiter;
  enum class Outcome : std::uint32_t { waiting, passed, aborted, reset, timed_out, action_failed };

  [[noreturn]] static void raise(Outcome why);
  void break_all(Outcome why, bool stay_broken);
  void finish_round(Outcome outcome) COEVAL_REQUIRES(lock_);
  void run_action() COEVAL_REQUIRES(lock_);
  void end_action(std::uint64_t round, Outcome outcome) COEVAL_REQUIRES(lock_);

  const int parties_;
  const std::chrono::nanoseconds timeout_;
  Function<void()> action_;  // called by one thread at a time: see acting_

  mutable Lock lock_;
  Condition idle_{lock_};  // acting_ has become false
  bool acting_ COEVAL_GUARDED_BY(lock_) = false;
  Outcome broken_ COEVAL_GUARDED_BY(lock_) = Outcome::waiting;  // why, or waiting if it is not
  std::uint64_t round_ COEVAL_GUARDED_BY(lock_) = 0;
  Outcome last_outcome_ COEVAL_GUARDED_BY(lock_) = Outcome::waiting;  // of the round before
  int count_ COEVAL_GUARDED_BY(lock_) = 0;              // parties that have come in this round
  Waiter* waiters_ COEVAL_GUARDED_BY(lock_) = nullptr;  // of this round, on their own stacks
};

// "<Barrier waiters=2/3>" or "<Barrier broken>".
COEVAL_EXPORT std::string to_string(const Barrier& barrier);

}  // namespace coeval::threading
