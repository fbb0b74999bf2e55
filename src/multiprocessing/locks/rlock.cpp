// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/rlock.hpp>

#include "multiprocessing/locks/lock.hpp"

#include <coeval/multiprocessing/detail/shared_locked_memory.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace coeval::multiprocessing {

using detail::LockState;
using detail::state_of;

RLock::RLock() : RLock(detail::make_shared_object<LockState>(detail::SharedKind::rlock, 0)) {}

RLock RLock::load(pickle::InputArchive& archive) {
  return RLock(detail::load_shared_object<LockState>(archive, detail::SharedKind::rlock));
}

std::string to_string(const RLock& lock) {
  const LockState& state = state_of(lock.memory_);
  const std::uint32_t pid = state.pid.load(std::memory_order_relaxed);
  if (!lock.locked()) {
    return "<RLock unlocked>";
  }
  return lock.is_owned()
             ? fmt::format("<RLock locked owner={} count={}>", pid, lock.recursion_count())
             : fmt::format("<RLock locked owner={}>", pid);
}

namespace detail {

static_assert(sizeof(LockState) <= LockedMemory::lock_room);

LockedMemory::LockedMemory(std::size_t size)
    : lock_(
          make_shared_object<LockState>(SharedKind::rlock, lock_room - sizeof(LockState) + size)) {}

std::byte* LockedMemory::data() const {
  return memory_of(lock_.memory_).data() + lock_room;
}

void LockedMemory::save(pickle::OutputArchive& archive) const {
  lock_.save(archive);
}

LockedMemory LockedMemory::load(pickle::InputArchive& archive, std::size_t size) {
  return LockedMemory(RLock(load_shared_object<LockState>(archive, SharedKind::rlock,
                                                          lock_room - sizeof(LockState) + size)));
}

}  // namespace detail
}  // namespace coeval::multiprocessing
