// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/lock.hpp"

#include "multiprocessing/locks/held_locks.hpp"
#include "multiprocessing/locks/process_token.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/lock.hpp>

#include <fmt/format.h>

#include <limits>
#include <memory>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {
void refuse_moved_from() {
  throw RuntimeError("coeval::multiprocessing: this handle of a lock was moved from");
}

void claim(LockState& lock) {
  lock.pid.store(static_cast<std::uint32_t>(pid_of(this_process())), std::memory_order_relaxed);
}

// The mutex orders the accesses of its holders, so all of them here are relaxed: invariant 1.
Locked LockMemory::take(Deadline deadline) const {
  Locked locked = state_.mutex.lock(deadline);
  if (locked == Locked::timed_out) [[unlikely]] {
    return locked;
  }
  held_locks.add(this);
  if (state_.damaged.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    state_.damaged.store(0, std::memory_order_relaxed);
    locked = Locked::owner_died;
  }
  if (locked == Locked::yes) [[likely]] {
    claim(state_);
  }
  state_.count.store(1, std::memory_order_relaxed);
  return locked;
}

bool LockMemory::give_back() const noexcept {
  const bool was_taken = held_locks.remove(this);
  return state_.mutex.unlock_if_owned() || was_taken;
}

OwnerDied owner_died(const LockState& lock, const char* type) {
  return OwnerDied(fmt::format(
      "coeval::multiprocessing::{}: its holder, a thread of process {}, died without releasing it: "
      "what it protects may be half changed. It is free now; acquire_or_repair() mends the data",
      type, lock.pid.load(std::memory_order_relaxed)));
}

bool is_abandoned(const LockState& lock) noexcept {
  return lock.mutex.is_abandoned() ||
         (lock.damaged.load(std::memory_order_relaxed) != 0 && lock.mutex.holder() == 0);
}

namespace {

bool is_recursive(const LockState& lock) noexcept {
  return lock.header.kind == SharedKind::rlock;
}

const char* type_of(const LockState& lock) noexcept {
  return is_recursive(lock) ? "RLock" : "Lock";
}

[[noreturn]] void refuse_release(const LockState& lock) {
  const char* const type = type_of(lock);
  throw RuntimeError(
      lock.mutex.holder() != 0
          ? fmt::format("coeval::multiprocessing::{}: release by a thread that does not hold it; "
                        "process {} does, and only the thread that acquired it may",
                        type, lock.pid.load(std::memory_order_relaxed))
          : fmt::format("coeval::multiprocessing::{}: release of a lock that is not held; acquire "
                        "it first",
                        type));
}

// The count is the holder's alone: invariants 1 and 3.
Locked take_again(const LockMemory& place) {
  LockState& lock = place.state();
  const std::uint32_t count = lock.count.load(std::memory_order_relaxed);
  if (count == std::numeric_limits<std::uint32_t>::max()) {
    throw RuntimeError("coeval::multiprocessing::RLock: acquired too many times");
  }
  lock.count.store(count + 1, std::memory_order_relaxed);
  held_locks.add(&place);
  return Locked::yes;
}

inline Locked take_or_count(const LockMemory& place, Deadline deadline) {
  const LockState& lock = place.state();
  return is_recursive(lock) && lock.mutex.is_owned() ? take_again(place) : place.take(deadline);
}

[[noreturn]] void give_back_and_tell(const LockMemory& place) {
  OwnerDied error = owner_died(place.state(), type_of(place.state()));
  place.give_back();
  throw error;
}

}  // namespace

LockHandle::LockHandle(SharedMemory memory)
    : memory_(std::make_shared<const LockMemory>(std::move(memory))) {}

bool LockHandle::acquire(Deadline deadline) const {
  const LockMemory& place = place_of(*this);
  const Locked locked = take_or_count(place, deadline);
  if (locked == Locked::owner_died) [[unlikely]] {
    give_back_and_tell(place);
  }
  return locked == Locked::yes;
}

Locked LockHandle::take(Deadline deadline) const {
  return take_or_count(place_of(*this), deadline);
}

// The count of a Lock is 1 while it is held, and what another writes never looks like this thread's.
void LockHandle::unlock() const {
  const LockMemory& place = place_of(*this);
  LockState& state = place.state();
  const std::uint32_t count = state.count.load(std::memory_order_relaxed);
  if (count > 1 && state.mutex.is_owned()) {
    state.count.store(count - 1, std::memory_order_relaxed);
    held_locks.remove(&place);
  } else if (!place.give_back()) [[unlikely]] {
    refuse_release(state);
  }
}

void LockHandle::claim() const {
  detail::claim(state_of(*this));
}

void LockHandle::give_back_damaged() const {
  const LockMemory& place = place_of(*this);
  place.state().damaged.store(1, std::memory_order_relaxed);  // invariant 2
  place.give_back();
}

bool LockHandle::locked() const {
  return state_of(*this).mutex.holder() != 0;
}

std::size_t LockHandle::recursion_count() const {
  const LockState& state = state_of(*this);
  return state.mutex.is_owned() ? state.count.load(std::memory_order_relaxed) : 0;
}

void LockHandle::save(pickle::OutputArchive& archive) const {
  memory_of(*this).save(archive);
}

}  // namespace detail

Lock::Lock() : Lock(detail::make_shared_object<detail::LockState>(detail::SharedKind::lock, 0)) {}

Lock Lock::load(pickle::InputArchive& archive) {
  return Lock(detail::load_shared_object<detail::LockState>(archive, detail::SharedKind::lock));
}

std::string to_string(const Lock& lock) {
  return lock.locked() ? "<Lock locked>" : "<Lock unlocked>";
}

}  // namespace coeval::multiprocessing
