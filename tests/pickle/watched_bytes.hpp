// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// WatchedBytes: bytes of which it is known how often each was read.

#include <cstddef>
#include <span>
#include <vector>

namespace coeval::testing {

// A copy in a page that nobody may read: each access is a fault, which is counted at the address
// where the access begins, and then let through for one instruction. On x86-64. One at a time, of
// one thread.
class WatchedBytes {
 public:
  // At most 4096.
  explicit WatchedBytes(std::span<const std::byte> bytes);
  ~WatchedBytes();
  WatchedBytes(const WatchedBytes&) = delete;
  WatchedBytes& operator=(const WatchedBytes&) = delete;

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  // How many accesses have begun at each of them.
  const std::vector<int>& accesses() const noexcept { return accesses_; }

 private:
  std::span<std::byte> page_;
  std::span<const std::byte> bytes_;
  std::vector<int> accesses_;
};

}  // namespace coeval::testing
