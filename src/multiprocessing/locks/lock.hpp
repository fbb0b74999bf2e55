// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What Lock and RLock keep in shared memory, and what Condition does with it.

#include "multiprocessing/locks/robust_mutex.hpp"
#include "multiprocessing/memory/shared_object.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/detail/lock_handle.hpp>

#include <cstdint>
#include <utility>

namespace coeval::multiprocessing::detail {

// 1. Who holds mutex holds the lock. Only its holder writes the other members.
// 2. A holder's death is told by mutex, or by damaged: the mark of a death whose repair failed, or
//    which was told to nobody. Whoever takes the mutex and finds one of them has both to tell.
// 3. pid is the holder's process, or that of the holder before; count is how often it holds.
struct LockState {
  explicit LockState(SharedHeader h) : header(h) {}

  const SharedHeader header;
  RobustMutex mutex;
  atomic<std::uint32_t> damaged{0};
  atomic<std::uint32_t> pid{0};
  atomic<std::uint32_t> count{0};
};

// The mapping of a lock in this process; all copies of a handle share it. It notes in held_locks what
// is taken by it.
class LockMemory {
 public:
  explicit LockMemory(SharedMemory memory)
      : memory_(std::move(memory)), state_(shared_object<LockState>(memory_)) {}
  LockMemory(const LockMemory&) = delete;
  LockMemory& operator=(const LockMemory&) = delete;
  ~LockMemory() = default;

  const SharedMemory& memory() const noexcept { return memory_; }
  LockState& state() const noexcept { return state_; }

  // Takes the lock, once; owner_died: this thread holds it, and the mark is gone. Errors:
  // RuntimeError for an endless wait of a thread that holds it.
  Locked take(Deadline deadline) const;
  // Whether this thread had it; after that it has not.
  bool give_back() const noexcept;

 private:
  const SharedMemory memory_;
  LockState& state_;
};

[[noreturn]] void refuse_moved_from();

// The memory of a handle, and the lock in it. Errors: RuntimeError for a handle that was moved from.
inline const LockMemory& place_of(const LockHandle& lock) {
  if (lock.memory() == nullptr) [[unlikely]] {
    refuse_moved_from();
  }
  return *lock.memory();
}
inline LockState& state_of(const LockHandle& lock) {
  return place_of(lock).state();
}
inline const SharedMemory& memory_of(const LockHandle& lock) {
  return place_of(lock).memory();
}

// Notes that this process holds the lock, after the death of another was told.
void claim(LockState& lock);

// What to throw when take() has told of a death; made before the lock is given back.
OwnerDied owner_died(const LockState& lock, const char* type);

// Whether a holder died and nobody has been told.
bool is_abandoned(const LockState& lock) noexcept;

}  // namespace coeval::multiprocessing::detail
