// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/bundle_depot.hpp"

#include <new>
#include <utility>

namespace coeval::detail {

class BundleDepot::Hold {
 public:
  explicit Hold(BundleDepot& depot) noexcept : depot_(depot) { depot_.hold(); }
  ~Hold() { depot_.let_go(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  BundleDepot& depot_;
};

// The word is 0 when free, 1 held, 2 held and others may sleep (Drepper, "Futexes Are Tricky").
void BundleDepot::hold() noexcept {
  std::uint32_t expected = 0;
  // Acquire pairs with the release in let_go().
  if (!lock_.compare_exchange_strong(expected, 1, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
    while (lock_.exchange(2, std::memory_order_acquire) != 0) {
      lock_.wait(2, never);
    }
  }
}

void BundleDepot::let_go() noexcept {
  if (lock_.exchange(0, std::memory_order_release) == 2) {
    lock_.notify_one();
  }
}

void BundleDepot::fill(Bundle*& bundle) {
  {
    const Hold hold(*this);
    if (full_ != nullptr) {
      Bundle* const full = std::exchange(full_, full_->next);
      bundle->next = std::exchange(empty_, bundle);
      bundle = full;
      return;
    }
    while (loose_ != nullptr && bundle->count < Bundle::capacity) {
      bundle->blocks[bundle->count++] = std::exchange(loose_, loose_->next);
    }
  }
  if (bundle->count == 0) {
    carve(*bundle);
  }
}

// The first block to be given out is the one with the lowest address: the memory is then walked
// upwards.
void BundleDepot::carve(Bundle& bundle) const {
  auto* const memory =
      static_cast<std::byte*>(::operator new(block_size_ * Bundle::capacity, std::align_val_t(64)));
  for (std::size_t i = 0; i < Bundle::capacity; ++i) {
    bundle.blocks[Bundle::capacity - 1 - i] = memory + i * block_size_;
  }
  bundle.count = Bundle::capacity;
}

bool BundleDepot::trade_for_empty(Bundle*& bundle) noexcept {
  Bundle* empty = nullptr;
  {
    const Hold hold(*this);
    if (empty_ != nullptr) {
      empty = std::exchange(empty_, empty_->next);
      bundle->next = std::exchange(full_, bundle);
      bundle = empty;
      return true;
    }
  }
  empty = new (std::nothrow) Bundle;
  if (empty == nullptr) {
    return false;
  }
  put(std::exchange(bundle, empty));
  return true;
}

void BundleDepot::put(Bundle* bundle) noexcept {
  const Hold hold(*this);
  Bundle*& list = bundle->count > 0 ? full_ : empty_;
  bundle->next = std::exchange(list, bundle);
}

void* BundleDepot::allocate_one() {
  {
    const Hold hold(*this);
    if (loose_ != nullptr) {
      return std::exchange(loose_, loose_->next);
    }
  }
  return ::operator new(block_size_, std::align_val_t(64));
}

void BundleDepot::free_one(void* block) noexcept {
  const Hold hold(*this);
  loose_ = ::new (block) Loose{loose_};
}

}  // namespace coeval::detail
