// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Event: a flag that processes can wait for.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <string>

namespace coeval::multiprocessing {

// A flag: clear at first; set() wakes everybody who waits, in all processes. Python's
// multiprocessing.Event, with the interface of threading::Event.
//
//   Event ready;
//   Process process(serve, ready);
//   ready.wait(2s);            // true when set, false at the deadline
//
// A handle: copies, pickled ones too, mean the same flag. Thread-safe. wait() blocks; set() or the
// deadline ends it. What happened before set() is visible after the wait() that it ends. A process
// that is killed inside set() has set the flag and woken all, or has done nothing. An event belongs
// to nobody, so the death of the one who was to set it does not end a wait: give a deadline.
class COEVAL_EXPORT Event {
 public:
  // Errors: std::system_error if there is no memory or no descriptor.
  Event();

  bool is_set() const;

  // Sets the flag and wakes all waiters. Makes no system call if it is set.
  void set() const;

  // Clears the flag. Waiters that a set() has released stay released.
  void clear() const;

  // Waits until the flag is set: true; false if the deadline passes first. Also true if it was set
  // during the wait and cleared again.
  bool wait(Deadline deadline = never) const;

  void save(pickle::OutputArchive& archive) const;
  static Event load(pickle::InputArchive& archive);

 private:
  explicit Event(SharedMemory memory) noexcept;

  SharedMemory memory_;
};

// "<Event set>" or "<Event unset>".
COEVAL_EXPORT std::string to_string(const Event& event);

}  // namespace coeval::multiprocessing
