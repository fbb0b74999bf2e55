// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Barrier: a fixed number of processes wait for each other.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace coeval::multiprocessing {

// Lets `parties` threads of any processes pass together, again and again; Python's
// multiprocessing.Barrier, with the interface of threading::Barrier.
//
//   Barrier barrier(3);
//   Process process(work, barrier);     // and another one; each calls barrier.wait()
//
// A handle: copies, pickled ones too, mean the same barrier. Thread-safe. wait() blocks until all
// parties have come. A timeout, abort(), reset(), an exception in the action or the death of a
// party's process while it waits or acts breaks it: everybody who waits gets BrokenBarrierError,
// after a death within 50 ms or so. A broken barrier stays so until reset(). A process that dies
// before it comes is not known to be a party: give a deadline.
class COEVAL_EXPORT Barrier {
 public:
  // action is called each time all have come, before any goes on, never twice at once, by the party
  // that comes last if its handle has the action: it stays in this process and in the children that
  // it forks, and a pickled handle has none. timeout is for each wait() that names no deadline.
  // Errors: ValueError if parties is not in 1 … 65,536; std::system_error.
  explicit Barrier(int parties, Function<void()> action = {},
                   std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max());

  // Waits for the other parties. Returns the place of this call among theirs, 0 … parties - 1, each
  // once. The deadline counts until the last party has come; the action may take longer. Errors:
  // BrokenBarrierError; what the action raised, for the thread that ran it.
  int wait() const { return wait(Deadline(timeout_)); }
  int wait(Deadline deadline) const;

  // Breaks the barrier: for a party that cannot come any more.
  void abort() const;
  // Sends everybody who waits away with BrokenBarrierError; the barrier is as new.
  void reset() const;

  int parties() const noexcept { return parties_; }
  // How many wait at this moment.
  int n_waiting() const;
  bool broken() const;

  void save(pickle::OutputArchive& archive) const;
  static Barrier load(pickle::InputArchive& archive);

 private:
  Barrier(SharedMemory memory, int parties, std::chrono::nanoseconds timeout) noexcept;
  void run_action() const;

  SharedMemory memory_;
  int parties_;
  std::chrono::nanoseconds timeout_;
  std::shared_ptr<Function<void()>> action_;
};

// "<Barrier waiters=2/3>" or "<Barrier broken>".
COEVAL_EXPORT std::string to_string(const Barrier& barrier);

}  // namespace coeval::multiprocessing
