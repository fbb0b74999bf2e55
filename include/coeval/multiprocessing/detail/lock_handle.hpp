// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// LockHandle: what Lock and RLock do alike.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/detail/shared_locked.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace coeval::multiprocessing::detail {

class LockMemory;

// A handle of a lock in shared memory; the memory knows whether its holder may take it again. Says
// nothing to clang's analysis: those who are made of it do. Thread-safe.
class COEVAL_EXPORT LockHandle {
 public:
  // Memory that begins with a LockState.
  explicit LockHandle(SharedMemory memory);

  // Errors of all: RuntimeError for a handle that was moved from. The others are in lock.hpp.
  bool acquire(Deadline deadline) const;
  template <class F>
  bool acquire_or_repair(F&& repair, Deadline deadline) const {
    const Locked locked = take(deadline);
    if (locked == Locked::owner_died) {
      try {
        static_cast<void>(std::forward<F>(repair)());
      } catch (...) {
        give_back_damaged();
        throw;
      }
      claim();
    }
    return locked != Locked::timed_out;
  }
  void unlock() const;
  bool locked() const;
  // How many times this thread holds it; 0 if it does not.
  std::size_t recursion_count() const;

  void save(pickle::OutputArchive& archive) const;

  // Null if this handle was moved from.
  const LockMemory* memory() const noexcept { return memory_.get(); }

 private:
  Locked take(Deadline deadline) const;
  void give_back_damaged() const;
  void claim() const;

  std::shared_ptr<const LockMemory> memory_;
};

}  // namespace coeval::multiprocessing::detail
