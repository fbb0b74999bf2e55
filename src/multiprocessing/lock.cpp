// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "lock.hpp"

#include "process_token.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/multiprocessing/lock.hpp>

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {
namespace {

// Those that stay mapped, newest first. Only added to.
constinit atomic<LockMemory*> kept{nullptr};

}  // namespace

std::shared_ptr<const LockMemory> LockMemory::of(SharedMemory memory) {
  return {new LockMemory(std::move(memory)), let_go};
}

void LockMemory::let_go(LockMemory* memory) noexcept {
  if (!memory->is_held_here()) {
    delete memory;
    return;
  }
  memory->next_kept_ = kept.load(std::memory_order_relaxed);
  // Release: nobody reads the list but leak checkers and debuggers.
  while (!kept.compare_exchange_weak(memory->next_kept_, memory, std::memory_order_release,
                                     std::memory_order_relaxed)) {
  }
}

// The tasks of a process are its threads: proc(5). A forked child has none of its parent's.
bool LockMemory::is_held_here() const noexcept {
  const pid_t holder = state().mutex.holder();
  if (holder == 0 || holder == this_thread_id()) {
    return holder != 0;
  }
  std::array<char, 48> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "/proc/self/task/{}/comm", holder);
  std::array<char, 32> name{};
  return sys().read_file(path.data(), name.data(), name.size()) >= 0;
}

void refuse_moved_from() {
  throw RuntimeError("coeval::multiprocessing: this handle of a lock was moved from");
}

void claim(LockState& lock) {
  lock.pid.store(static_cast<std::uint32_t>(pid_of(this_process())), std::memory_order_relaxed);
}

namespace {

// The mutex orders the accesses of its holders, so all of them here are relaxed: invariant 1.
inline Locked take_once(LockState& lock, Deadline deadline) {
  Locked locked = lock.mutex.lock(deadline);
  if (locked == Locked::timed_out) [[unlikely]] {
    return locked;
  }
  if (lock.damaged.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    lock.damaged.store(0, std::memory_order_relaxed);
    locked = Locked::owner_died;
  }
  if (locked == Locked::yes) [[likely]] {
    claim(lock);
  }
  lock.count.store(1, std::memory_order_relaxed);
  return locked;
}

}  // namespace

Locked take(LockState& lock, Deadline deadline) {
  return take_once(lock, deadline);
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
Locked take_again(LockState& lock) {
  const std::uint32_t count = lock.count.load(std::memory_order_relaxed);
  if (count == std::numeric_limits<std::uint32_t>::max()) {
    throw RuntimeError("coeval::multiprocessing::RLock: acquired too many times");
  }
  lock.count.store(count + 1, std::memory_order_relaxed);
  return Locked::yes;
}

inline Locked take_or_count(LockState& lock, Deadline deadline) {
  return is_recursive(lock) && lock.mutex.is_owned() ? take_again(lock) : take_once(lock, deadline);
}

[[noreturn]] void give_back_and_tell(LockState& lock) {
  OwnerDied error = owner_died(lock, type_of(lock));
  lock.mutex.unlock();
  throw error;
}

}  // namespace

LockHandle::LockHandle(SharedMemory memory) : memory_(LockMemory::of(std::move(memory))) {}

bool LockHandle::acquire(Deadline deadline) const {
  LockState& state = state_of(*this);
  const Locked locked = take_or_count(state, deadline);
  if (locked == Locked::owner_died) [[unlikely]] {
    give_back_and_tell(state);
  }
  return locked == Locked::yes;
}

Locked LockHandle::take(Deadline deadline) const {
  return take_or_count(state_of(*this), deadline);
}

// The count of a Lock is 1 while it is held, and what another writes never looks like this thread's.
void LockHandle::unlock() const {
  LockState& state = state_of(*this);
  const std::uint32_t count = state.count.load(std::memory_order_relaxed);
  if (count > 1 && state.mutex.is_owned()) {
    state.count.store(count - 1, std::memory_order_relaxed);
  } else if (!state.mutex.unlock_if_owned()) [[unlikely]] {
    refuse_release(state);
  }
}

void LockHandle::claim() const {
  detail::claim(state_of(*this));
}

void LockHandle::give_back_damaged() const {
  LockState& state = state_of(*this);
  state.damaged.store(1, std::memory_order_relaxed);  // invariant 2
  state.mutex.unlock();
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
