// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// HeldLocks: which locks a thread has taken, in memory that no other process can write.

#include <array>
#include <cstdint>

namespace coeval::multiprocessing::detail {

// Another process may overwrite a lock that this thread holds. Then its release, which guards call
// where no exception may pass, has nothing to complain of; a release of what was never taken has.
//
// Names of locks, one for each time that a lock was taken and not given back; of more than there is
// room for, only how many. A name is an address that is compared and never followed. It stays if a
// lock is given back by another name, and then hides one wrong release at most. For one thread.
class HeldLocks {
 public:
  void add(const void* lock) noexcept {
    if (count_ == names_.size()) [[unlikely]] {
      ++nameless_;
    } else {
      names_[count_++] = lock;
    }
  }

  // Whether it was there.
  bool remove(const void* lock) noexcept {
    for (std::uint32_t i = count_; i > 0; --i) {
      if (names_[i - 1] == lock) {
        names_[i - 1] = names_[--count_];
        return true;
      }
    }
    const bool may_be = nameless_ > 0;
    nameless_ -= may_be ? 1 : 0;
    return may_be;
  }

 private:
  std::array<const void*, 8> names_{};
  std::uint32_t count_ = 0;
  std::uint32_t nameless_ = 0;
};

// Of the calling thread; a forked child forgets them.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local HeldLocks held_locks;

}  // namespace coeval::multiprocessing::detail
