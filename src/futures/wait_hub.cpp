// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "futures/wait_hub.hpp"

#include <memory>

namespace coeval::detail {

WaitHub& WaitHub::of(Cell& cell) {
  // Acquire: pairs with the release below, so the hub is whole.
  if (WaitHub* const hub = cell.hub_.load(std::memory_order_acquire)) {
    return *hub;
  }
  auto made = std::make_unique<WaitHub>();
  WaitHub* found = nullptr;
  if (!cell.hub_.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
    return *found;
  }
  WaitHub& hub = *made.release();
  if (!cell.attach(hub)) {
    hub.run(cell);
  }
  return hub;
}

bool WaitHub::add(Registration& registration) {
  const threading::Guard guard(lock_);
  if (fired_) {
    return false;
  }
  registration.next = first_;
  registration.previous = nullptr;
  if (first_ != nullptr) {
    first_->previous = &registration;
  }
  first_ = &registration;
  registration.linked = true;
  return true;
}

void WaitHub::remove(Registration& registration) {
  const threading::Guard guard(lock_);
  if (!registration.linked) {
    return;
  }
  registration.linked = false;
  if (registration.previous != nullptr) {
    registration.previous->next = registration.next;
  } else {
    first_ = registration.next;
  }
  if (registration.next != nullptr) {
    registration.next->previous = registration.previous;
  }
}

void WaitHub::run(Cell&) noexcept {
  const threading::Guard guard(lock_);
  fired_ = true;
  while (first_ != nullptr) {
    Registration& registration = *first_;
    first_ = registration.next;
    registration.linked = false;
    registration.fired();
  }
}

}  // namespace coeval::detail
