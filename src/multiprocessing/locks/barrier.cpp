// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/barrier.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/barrier.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {
namespace {

// How long a party does not look after its neighbour.
constexpr auto slice = std::chrono::milliseconds(50);

std::uint64_t packed(std::uint32_t phase, std::uint32_t count) noexcept {
  return (static_cast<std::uint64_t>(phase) << 32) | count;
}

// Invariant 5.
void look_after_neighbour(BarrierState& state, Parties parties, std::uint32_t phase,
                          std::uint32_t index) {
  const std::uint32_t count = std::min(arrived(state), static_cast<std::uint32_t>(parties.size()));
  const std::uint32_t neighbour = index < parties.size() ? index + 1 : count - 1;
  if (state.mutex.is_abandoned()) {
    const BarrierGuard guard(state);
    return;
  }
  if (count == 0) {
    return;
  }
  const std::uint32_t place = neighbour < count ? neighbour : 0;
  const ProcessToken token = parties[place].load(std::memory_order_relaxed);
  if (token == this_process() || !is_gone(token)) {
    return;
  }
  const BarrierGuard guard(state);
  if (state.phase.load(std::memory_order_relaxed) == phase &&
      parties[place].load(std::memory_order_relaxed) == token) {
    state.broken.store(Outcome::died, std::memory_order_relaxed);
    finish_round(state, Outcome::died);
  }
}

}  // namespace

BarrierGuard::BarrierGuard(BarrierState& state, Deadline deadline)
    : guard_(state.mutex, Patience{deadline}) {
  if (!guard_.came()) {
    throw_busy("Barrier");
  }
  if (guard_.locked() == Locked::owner_died) {
    state.broken.store(Outcome::died, std::memory_order_relaxed);
    finish_round(state, Outcome::died);  // invariant 2
  }
}

// The mutex orders what is written; who reads without it only guesses.
std::uint32_t arrived(const BarrierState& state) noexcept {
  const std::uint64_t arrivals = state.arrivals.load(std::memory_order_relaxed);
  return (arrivals >> 32) == state.phase.load(std::memory_order_relaxed)
             ? static_cast<std::uint32_t>(arrivals)
             : 0;
}

// From the latest note on, until one of an earlier round.
Outcome outcome_of(const BarrierState& state, std::uint32_t phase) noexcept {
  const std::uint32_t breaks = state.breaks.load(std::memory_order_acquire);
  const std::uint32_t notes = std::min(breaks, BarrierState::remembered);
  for (std::uint32_t i = 1; i <= notes; ++i) {
    const std::uint64_t note = state.broken_rounds[(breaks - i) % BarrierState::remembered].load(
        std::memory_order_relaxed);
    const auto later = static_cast<std::int32_t>(static_cast<std::uint32_t>(note >> 32) - phase);
    if (later <= 0) {
      return later == 0 ? static_cast<Outcome>(note & 0xff) : Outcome::passed;
    }
  }
  // A thread that did not run while so many rounds were broken is told that its own was.
  return notes < BarrierState::remembered ? Outcome::passed : Outcome::reset;
}

void finish_round(BarrierState& state, Outcome outcome) noexcept {
  const std::uint32_t phase = state.phase.load(std::memory_order_relaxed);
  if (outcome != Outcome::passed && arrived(state) != 0) {
    const std::uint32_t breaks = state.breaks.load(std::memory_order_relaxed);
    state.broken_rounds[breaks % BarrierState::remembered].store(
        packed(phase, static_cast<std::uint32_t>(outcome)), std::memory_order_relaxed);
    state.breaks.store(breaks + 1, std::memory_order_release);
  }
  // Invariant 1; pairs with the acquire loads in wait_for_end().
  state.phase.fetch_or(0, std::memory_order_release);  // for sanitizers, blind to the kernel's
  state.phase.add_and_notify_shared(1);
  state.arrivals.store(packed(phase + 1, 0), std::memory_order_relaxed);
}

bool wait_for_end(BarrierState& state, Parties parties, std::uint32_t phase, std::uint32_t index,
                  Deadline deadline) {
  Deadline next_look(slice);
  while (state.phase.load(std::memory_order_acquire) == phase) {
    if (deadline.expired()) {
      return false;
    }
    state.phase.wait_shared(phase, std::min(deadline, next_look));
    if (next_look.expired()) {  // whatever woke it: signals may come all the time
      look_after_neighbour(state, parties, phase, index);
      next_look = Deadline(slice);
    }
  }
  return true;
}

}  // namespace detail

using detail::BarrierGuard;
using detail::BarrierState;
using detail::Outcome;
using detail::Parties;

namespace {

constexpr int most_parties = 65'536;

BarrierState& barrier_of(const SharedMemory& memory) {
  return detail::shared_object<BarrierState>(memory);
}

Parties parties_of(const SharedMemory& memory, int count) {
  std::byte* const first = memory.data() + sizeof(BarrierState);
  return {std::launder(reinterpret_cast<atomic<detail::ProcessToken>*>(first)),
          static_cast<std::size_t>(count)};
}

SharedMemory make_memory(int parties) {
  if (parties < 1 || parties > most_parties) {
    throw ValueError(
        fmt::format("coeval::multiprocessing::Barrier: it was made for {} parties; it needs 1 to "
                    "{}",
                    parties, most_parties));
  }
  const std::size_t more = static_cast<std::size_t>(parties) * sizeof(detail::ProcessToken);
  SharedMemory memory =
      detail::make_shared_object<BarrierState>(detail::SharedKind::barrier, more, parties);
  for (std::size_t at = 0; at < more; at += sizeof(detail::ProcessToken)) {
    new (memory.data() + sizeof(BarrierState) + at) atomic<detail::ProcessToken>(0);
  }
  return memory;
}

[[noreturn]] void raise(Outcome why) {
  const char* reason = "it was aborted";
  switch (why) {
    case Outcome::reset:
      reason = "it was reset while this thread waited";
      break;
    case Outcome::timed_out:
      reason = "a party's deadline passed before all had come";
      break;
    case Outcome::action_failed:
      reason = "its action raised an exception";
      break;
    case Outcome::died:
      reason = "a process that took part died";
      break;
    case Outcome::none:
    case Outcome::passed:
    case Outcome::aborted:
      break;
  }
  throw BrokenBarrierError(fmt::format("coeval::multiprocessing::Barrier is broken: {}{}", reason,
                                       why == Outcome::reset ? "" : "; reset() mends it"));
}

// Breaks the barrier if it is still the same round and not all have come.
void give_up(BarrierState& state, std::uint32_t phase, std::uint32_t parties) {
  const BarrierGuard guard(state);
  if (state.phase.load(std::memory_order_relaxed) != phase) {
    return;
  }
  if (detail::arrived(state) < parties) {
    state.broken.store(Outcome::timed_out, std::memory_order_relaxed);
    detail::finish_round(state, Outcome::timed_out);
  }
}

// All parties have come in the round of this phase, this one last. A reset may end that round at any
// moment: then the next one is none of this party's business.
template <class Action>
void end_as_last(BarrierState& state, std::uint32_t phase, const Action& action) {
  const auto end = [&](Outcome outcome) {
    const BarrierGuard guard(state);
    if (state.phase.load(std::memory_order_relaxed) == phase) {
      if (outcome != Outcome::passed) {
        state.broken.store(outcome, std::memory_order_relaxed);
      }
      detail::finish_round(state, outcome);
    }
  };
  try {
    action();
  } catch (...) {  // pthread_cancel's unwinding too: it is passed on
    end(Outcome::action_failed);
    throw;
  }
  end(Outcome::passed);
  if (const Outcome outcome = detail::outcome_of(state, phase); outcome != Outcome::passed) {
    raise(outcome);
  }
}

}  // namespace

Barrier::Barrier(int parties, Function<void()> action, std::chrono::nanoseconds timeout)
    : Barrier(make_memory(parties), parties, timeout) {
  if (action) {
    action_ = std::make_shared<Function<void()>>(std::move(action));
  }
}

Barrier::Barrier(SharedMemory memory, int parties, std::chrono::nanoseconds timeout) noexcept
    : memory_(std::move(memory)), parties_(parties), timeout_(timeout) {}

int Barrier::wait(Deadline deadline) const {
  BarrierState& state = barrier_of(memory_);
  const Parties parties = parties_of(memory_, parties_);
  const auto all = static_cast<std::uint32_t>(parties_);
  std::uint32_t phase = 0;
  std::uint32_t index = all;
  while (index == all) {
    std::optional<BarrierGuard> guard(std::in_place, state, deadline);
    phase = state.phase.load(std::memory_order_relaxed);
    const Outcome broken = state.broken.load(std::memory_order_relaxed);
    if (broken != Outcome::none) {
      raise(broken);
    }
    const std::uint32_t count = detail::arrived(state);
    if (count < all) {
      parties[count].store(detail::this_process(), std::memory_order_relaxed);
      state.arrivals.store((static_cast<std::uint64_t>(phase) << 32) | (count + 1),
                           std::memory_order_relaxed);  // invariant 3
      index = count;
    } else if (deadline.expired()) {
      // Of the next round, in which nobody is yet: invariant 4.
      state.broken.store(Outcome::timed_out, std::memory_order_relaxed);
      raise(Outcome::timed_out);
    } else {
      guard.reset();
      detail::wait_for_end(state, parties, phase, all, deadline);
    }
  }
  if (index + 1 == all) {
    end_as_last(state, phase, [this] { run_action(); });
    return static_cast<int>(index);
  }
  if (!detail::wait_for_end(state, parties, phase, index, deadline)) {
    give_up(state, phase, all);
    detail::wait_for_end(state, parties, phase, index, never);  // invariant 4
  }
  const Outcome outcome = detail::outcome_of(state, phase);
  if (outcome != Outcome::passed) {
    raise(outcome);
  }
  return static_cast<int>(index);
}

void Barrier::run_action() const {
  if (action_ != nullptr) {
    (*action_)();
  }
}

void Barrier::abort() const {
  BarrierState& state = barrier_of(memory_);
  const BarrierGuard guard(state);
  state.broken.store(Outcome::aborted, std::memory_order_relaxed);
  detail::finish_round(state, Outcome::aborted);
}

void Barrier::reset() const {
  BarrierState& state = barrier_of(memory_);
  const BarrierGuard guard(state);
  detail::finish_round(state, Outcome::reset);
  state.broken.store(Outcome::none, std::memory_order_relaxed);
}

int Barrier::n_waiting() const {
  return static_cast<int>(detail::arrived(barrier_of(memory_)));
}

bool Barrier::broken() const {
  BarrierState& state = barrier_of(memory_);
  const BarrierGuard guard(state);
  return state.broken.load(std::memory_order_relaxed) != Outcome::none;
}

void Barrier::save(pickle::OutputArchive& archive) const {
  memory_.save(archive);
  archive(static_cast<std::int64_t>(timeout_.count()));
}

Barrier Barrier::load(pickle::InputArchive& archive) {
  SharedMemory memory =
      detail::load_shared_object<BarrierState>(archive, detail::SharedKind::barrier);
  const std::chrono::nanoseconds timeout(archive.read<std::int64_t>());
  // Fetched once: what was checked is what is used.
  const std::uint32_t parties = barrier_of(memory).parties.load(std::memory_order_relaxed);
  const std::size_t room = (memory.size() - sizeof(BarrierState)) / sizeof(detail::ProcessToken);
  if (parties < 1 || parties > most_parties || parties > room) {
    throw PickleError("coeval::multiprocessing::Barrier: the memory that came holds another one");
  }
  return {std::move(memory), static_cast<int>(parties), timeout};
}

std::string to_string(const Barrier& barrier) {
  return barrier.broken()
             ? "<Barrier broken>"
             : fmt::format("<Barrier waiters={}/{}>", barrier.n_waiting(), barrier.parties());
}

}  // namespace coeval::multiprocessing
