// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The waiters of a Condition in shared memory.

#include "multiprocessing/locks/lock.hpp"
#include "multiprocessing/locks/process_token.hpp"

#include <coeval/core/atomic.hpp>

#include <array>
#include <cstdint>

namespace coeval::multiprocessing::detail {

// A waiter has a place in the table. All members but state are touched with the lock held.
//
// 1. A place belongs to the process whose token it has, from before wait() releases the lock until
//    wait() has it again; token is written last when it is taken, and first when it is freed. A
//    process that dies leaves its token, by which it can be seen to be gone.
// 2. state goes from waiting to notified once, in one step with the wake: a notify that is killed
//    has woken a waiter entirely or not at all. Looked at with the lock held it says which of a
//    notify and a timeout came first.
// 3. Every place that is in use is below high. tickets grow in the order of arrival.
// 4. A place with notified whose process is gone is a notify that reached nobody. Whoever waits looks
//    for such places now and then, and passes it on.
// 5. Who dies inside has the lock, so the next who takes it is told; the table needs no repair.
struct Waiter {
  atomic<ProcessToken> token{0};
  atomic<std::uint64_t> ticket{0};
  atomic<std::uint32_t> state{0};
};

struct ConditionState {
  static constexpr std::size_t most_waiters = 1024;
  static constexpr std::uint32_t waiting = 1;
  static constexpr std::uint32_t notified = 2;

  explicit ConditionState(SharedHeader h) : header(h) {}

  const SharedHeader header;
  atomic<std::uint32_t> high{0};
  atomic<std::uint64_t> next_ticket{1};
  std::array<Waiter, most_waiters> waiters{};
};

// A place for this thread. Errors: RuntimeError if all are taken.
Waiter& take_place(ConditionState& state);
void free_place(Waiter& waiter) noexcept;

// Wakes up to n waiters, the oldest first, and frees the places of those that are gone.
void wake_waiters(ConditionState& state, std::size_t n) noexcept;

// Whether a notify may have reached nobody. Of this moment, also without the lock.
bool has_undelivered(const ConditionState& state) noexcept;
// Wakes others in the place of those that were notified and are gone.
void pass_on(ConditionState& state) noexcept;

// How many wait.
std::size_t count_waiters(const ConditionState& state) noexcept;

}  // namespace coeval::multiprocessing::detail
