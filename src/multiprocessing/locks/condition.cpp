// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/condition.hpp"

#include "multiprocessing/locks/held_locks.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/condition.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {
namespace {

std::size_t places(const ConditionState& state) noexcept {
  return std::min<std::size_t>(state.high.load(std::memory_order_relaxed), state.waiters.size());
}

bool is_free(const Waiter& waiter) noexcept {
  return waiter.token.load(std::memory_order_relaxed) == 0;
}

bool is_waiting(const Waiter& waiter) noexcept {
  return !is_free(waiter) &&
         waiter.state.load(std::memory_order_relaxed) == ConditionState::waiting;
}

bool is_undelivered(const Waiter& waiter) noexcept {
  const ProcessToken token = waiter.token.load(std::memory_order_relaxed);
  return token != 0 && token != this_process() &&
         waiter.state.load(std::memory_order_relaxed) == ConditionState::notified && is_gone(token);
}

}  // namespace

Waiter& take_place(ConditionState& state) {
  auto place = std::find_if(state.waiters.begin(), state.waiters.end(), is_free);
  if (place == state.waiters.end()) {
    place = std::find_if(state.waiters.begin(), state.waiters.end(), [](const Waiter& waiter) {
      return is_gone(waiter.token.load(std::memory_order_relaxed));
    });
  }
  if (place == state.waiters.end()) {
    throw RuntimeError(
        fmt::format("coeval::multiprocessing::Condition: {} threads wait for it already, and there "
                    "is no place for more",
                    state.waiters.size()));
  }
  free_place(*place);
  const auto end = static_cast<std::uint32_t>(place - state.waiters.begin()) + 1;
  if (end > state.high.load(std::memory_order_relaxed)) {
    state.high.store(end, std::memory_order_relaxed);  // invariant 3
  }
  place->state.store(ConditionState::waiting, std::memory_order_relaxed);
  place->ticket.store(state.next_ticket.fetch_add(1, std::memory_order_relaxed),
                      std::memory_order_relaxed);
  place->token.store(this_process(), std::memory_order_release);  // invariant 1
  return *place;
}

void free_place(Waiter& waiter) noexcept {
  waiter.token.store(0, std::memory_order_release);  // invariant 1
}

void wake_waiters(ConditionState& state, std::size_t n) noexcept {
  struct Arrival {
    std::uint64_t ticket;
    Waiter* waiter;
  };
  std::array<Arrival, ConditionState::most_waiters> waiting;  // uninitialised: it is large
  std::size_t count = 0;
  std::size_t high = 0;
  for (std::size_t i = 0; i < places(state); ++i) {
    Waiter& waiter = state.waiters[i];
    if (is_waiting(waiter)) {
      waiting[count++] = {waiter.ticket.load(std::memory_order_relaxed), &waiter};
    }
    high = is_free(waiter) ? high : i + 1;
  }
  state.high.store(static_cast<std::uint32_t>(high), std::memory_order_relaxed);  // invariant 3
  const auto in_order = std::span(waiting).first(count);
  std::sort(in_order.begin(), in_order.end(),
            [](const Arrival& a, const Arrival& b) { return a.ticket < b.ticket; });
  ProcessToken alive = this_process();
  for (const auto& [ticket, waiter] : in_order) {
    if (n == 0) {
      break;
    }
    const ProcessToken token = waiter->token.load(std::memory_order_relaxed);
    if (token != alive && is_gone(token)) {
      free_place(*waiter);
      continue;
    }
    alive = token;
    waiter->state.store_and_notify_shared(ConditionState::notified);  // invariant 2
    --n;
  }
}

bool has_undelivered(const ConditionState& state) noexcept {
  const auto used = std::span(state.waiters).first(places(state));
  return std::any_of(used.begin(), used.end(), is_undelivered);
}

void pass_on(ConditionState& state) noexcept {
  std::size_t undelivered = 0;
  for (Waiter& waiter : std::span(state.waiters).first(places(state))) {
    if (is_undelivered(waiter)) {
      free_place(waiter);
      ++undelivered;
    }
  }
  wake_waiters(state, undelivered);
}

std::size_t count_waiters(const ConditionState& state) noexcept {
  return static_cast<std::size_t>(std::count_if(
      state.waiters.begin(), state.waiters.begin() + static_cast<std::ptrdiff_t>(places(state)),
      is_waiting));
}

}  // namespace detail

using detail::ConditionState;
using detail::Locked;
using detail::LockMemory;
using detail::LockState;
using detail::Waiter;

namespace {

// How long a waiter does not look after the others.
constexpr auto slice = std::chrono::milliseconds(50);

SharedMemory make_memory() {
  return detail::make_shared_object<ConditionState>(detail::SharedKind::condition, 0);
}

ConditionState& condition_of(const SharedMemory& memory) {
  return detail::shared_object<ConditionState>(memory);
}

// Sleeps until the notify, the deadline, or a death that somebody has to be told of: false; true if
// there is a notify to pass on.
bool sleep(const Waiter& self, const ConditionState& state, const LockState& lock,
           Deadline deadline) {
  // Acquire pairs with the notify's store; the lock orders the rest.
  while (self.state.load(std::memory_order_acquire) == ConditionState::waiting &&
         !deadline.expired()) {
    self.state.wait_shared(ConditionState::waiting, std::min(deadline, Deadline(slice)));
    if (detail::has_undelivered(state)) {
      return true;
    }
    if (detail::is_abandoned(lock)) {
      return false;
    }
  }
  return false;
}

// Takes the lock again. When that fails, which only another process's writing into it can cause, the
// thread goes on as if it had it: it will give it back.
Locked take_back(const LockMemory& place, Waiter& self) {
  try {
    return place.take(never);
  } catch (...) {
    detail::held_locks.add(&place);
    detail::free_place(self);
    throw;
  }
}

}  // namespace

Condition::Condition(Lock lock) : Condition(AnyLock(std::move(lock)), make_memory()) {}
Condition::Condition(RLock lock) : Condition(AnyLock(std::move(lock)), make_memory()) {}

Condition::Condition(AnyLock lock, SharedMemory memory) noexcept
    : lock_(std::move(lock)), memory_(std::move(memory)) {}

const LockMemory& Condition::lock_memory() const {
  return std::visit(
      [](const auto& lock) -> const LockMemory& { return detail::place_of(lock.memory_); }, lock_);
}

bool Condition::acquire(Deadline deadline) const COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  return std::visit([&](const auto& lock) { return lock.acquire(deadline); }, lock_);
}

void Condition::unlock() const COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  std::visit([](const auto& lock) COEVAL_NO_THREAD_SAFETY_ANALYSIS { lock.unlock(); }, lock_);
}

void Condition::require_held(const char* call) const {
  if (!lock_memory().state().mutex.is_owned()) {
    throw RuntimeError(
        fmt::format("coeval::multiprocessing::Condition: {} by a thread that does not hold the "
                    "lock; acquire the condition first",
                    call));
  }
}

bool Condition::wait(Deadline deadline) const {
  require_held("wait");
  const LockMemory& place = lock_memory();
  LockState& lock = place.state();
  const std::uint32_t levels = lock.count.load(std::memory_order_relaxed);
  ConditionState& state = condition_of(memory_);
  Waiter& self = detail::take_place(state);
  while (true) {
    place.give_back();
    const bool undelivered = sleep(self, state, lock, deadline);
    const bool late = deadline.expired();
    const Locked locked = take_back(place, self);
    if (undelivered) {
      detail::pass_on(state);
    }
    // Invariant 2.
    const bool notified = self.state.load(std::memory_order_relaxed) == ConditionState::notified;
    if (notified || late || locked == Locked::owner_died) {
      detail::free_place(self);
      lock.count.store(levels, std::memory_order_relaxed);
      if (locked == Locked::owner_died) {
        OwnerDied error = detail::owner_died(lock, "Condition");
        detail::claim(lock);
        throw error;
      }
      return notified;
    }
  }
}

void Condition::notify(std::ptrdiff_t n) const {
  require_held("notify");
  if (n > 0) {
    detail::wake_waiters(condition_of(memory_), static_cast<std::size_t>(n));
  }
}

void Condition::notify_all() const {
  notify(std::numeric_limits<std::ptrdiff_t>::max());
}

void Condition::save(pickle::OutputArchive& archive) const {
  archive(std::holds_alternative<RLock>(lock_));
  std::visit([&](const auto& lock) { lock.save(archive); }, lock_);
  memory_.save(archive);
}

Condition Condition::load(pickle::InputArchive& archive) {
  const bool recursive = archive.read<bool>();
  AnyLock lock = recursive ? AnyLock(RLock::load(archive)) : AnyLock(Lock::load(archive));
  return {std::move(lock),
          detail::load_shared_object<ConditionState>(archive, detail::SharedKind::condition)};
}

std::string to_string(const Condition& condition) {
  return fmt::format("<Condition({}, {} waiting)>",
                     std::visit([](const auto& lock) { return to_string(lock); }, condition.lock_),
                     detail::count_waiters(condition_of(condition.memory_)));
}

}  // namespace coeval::multiprocessing
