// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// BundleDepot: where the threads' stores of blocks of one size trade full bundles for empty ones.

#include <coeval/core/atomic.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace coeval::detail {

// Addresses of free blocks, side by side, so that the next ones can be fetched ahead.
struct Bundle {
  static constexpr std::size_t capacity = 62;

  std::size_t count = 0;
  Bundle* next = nullptr;
  std::array<void*, capacity> blocks;
};

// Thread-safe. Invariants, under lock_: full_ links bundles with at least one block, empty_ links
// bundles with none, loose_ links single blocks through their first bytes.
class BundleDepot {
 public:
  constexpr explicit BundleDepot(std::size_t block_size) noexcept : block_size_(block_size) {}

  // Exchanges the empty bundle for one with blocks, or fills it with new ones. Raises
  // std::bad_alloc; the bundle is as before then.
  void fill(Bundle*& bundle);

  // Exchanges the full bundle for an empty one. False if there is no memory for one.
  bool trade_for_empty(Bundle*& bundle) noexcept;

  // Takes a bundle over, whatever it holds.
  void put(Bundle* bundle) noexcept;

  // Around a fork, so that the child never finds it held by a thread that it does not have.
  void hold() noexcept;
  void let_go() noexcept;

  // For threads without a store.
  void* allocate_one();
  void free_one(void* block) noexcept;

 private:
  struct Loose {
    Loose* next;
  };
  class Hold;

  void carve(Bundle& bundle) const;

  const std::size_t block_size_;
  // A lock of this file's own: core stands below threading.
  atomic<std::uint32_t> lock_{0};
  Bundle* full_ = nullptr;
  Bundle* empty_ = nullptr;
  Loose* loose_ = nullptr;
};

}  // namespace coeval::detail
