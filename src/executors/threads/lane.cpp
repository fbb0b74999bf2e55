// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/threads/lane.hpp"

namespace coeval::detail {

[[gnu::tls_model("initial-exec")]] constinit thread_local Seat seat_of_this_thread;

Lanes::Lanes(std::size_t most) : most_(most), lanes_(new std::unique_ptr<Lane>[most]) {}

Lane* Lanes::acquire() {
  const threading::Guard guard(lock_);
  if (!free_.empty()) {
    Lane* const lane = free_.back();
    free_.pop_back();
    return lane;
  }
  const std::size_t number = count_.load(std::memory_order_relaxed);
  if (number == most_) {
    return nullptr;
  }
  free_.reserve(number + 1);
  lanes_[number] = std::make_unique<Lane>(number);
  count_.store(number + 1, std::memory_order_release);
  return lanes_[number].get();
}

void Lanes::release(Lane& lane) noexcept {
  const threading::Guard guard(lock_);
  free_.push_back(&lane);
}

bool Lanes::look_empty() const noexcept {
  for (std::size_t i = 0, end = count(); i < end; ++i) {
    if (!lanes_[i]->deque.looks_empty()) {
      return false;
    }
  }
  return true;
}

}  // namespace coeval::detail
