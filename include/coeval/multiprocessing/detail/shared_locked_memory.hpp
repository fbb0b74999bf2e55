// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// LockedMemory: shared memory with its own RLock, for Value and Array.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/rlock.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace coeval::multiprocessing::detail {

// A handle of one memory file: the lock, and the data behind it, zero at first.
class COEVAL_EXPORT LockedMemory {
 public:
  // What the lock takes; the data is aligned to it.
  static constexpr std::size_t lock_room = 256;

  explicit LockedMemory(std::size_t size);

  std::byte* data() const;
  const RLock& lock() const noexcept { return lock_; }

  void save(pickle::OutputArchive& archive) const;
  // Errors: PickleError if there are fewer bytes than size behind the lock.
  static LockedMemory load(pickle::InputArchive& archive, std::size_t size);

 private:
  explicit LockedMemory(RLock lock) noexcept : lock_(std::move(lock)) {}

  RLock lock_;
};

// Holds the lock of a Value or an Array for a call. For one thread.
class COEVAL_EXPORT Hold {
 public:
  // Errors: TimeoutError, OwnerDied; then it is not held.
  Hold(const RLock& lock, Deadline deadline, const char* type) COEVAL_NO_THREAD_SAFETY_ANALYSIS;
  ~Hold() COEVAL_NO_THREAD_SAFETY_ANALYSIS { lock_.unlock(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  const RLock& lock_;
};

// "<Value<int> locked>", "<Array<int> 3 elements unlocked>".
COEVAL_EXPORT std::string describe_locked(const char* type, const std::type_info& element,
                                          std::string_view size, const RLock& lock);

}  // namespace coeval::multiprocessing::detail
