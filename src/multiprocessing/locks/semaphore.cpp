// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/semaphore.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/semaphore.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {
namespace {

// How long one who waits does not look: invariant 6.
constexpr auto look_again_after = std::chrono::milliseconds(50);

// So often no honest process comes first.
constexpr int most_tries = 1000;

// Where a process begins to look, so that it finds its own permits soon.
std::size_t first_place(Permits permits, ProcessToken self) noexcept {
  return permits.empty() ? 0 : static_cast<std::size_t>(pid_of(self)) % permits.size();
}

// Exchanges the first word that matches; the search begins at a place and goes round.
template <class Matches>
bool exchange_first(Permits permits, std::size_t first, Matches matches, ProcessToken by) noexcept {
  for (std::size_t i = 0; i < permits.size(); ++i) {
    const std::size_t place = first + i < permits.size() ? first + i : first + i - permits.size();
    ProcessToken seen = permits[place].load(std::memory_order_relaxed);
    // Invariant 2. The release of a permit pairs with the acquire of who takes it next.
    if (matches(seen) && permits[place].compare_exchange_strong(seen, by, std::memory_order_seq_cst,
                                                                std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool take_signal(SemaphoreState& state) noexcept {
  std::uint32_t signals = state.signals.load(std::memory_order_relaxed);
  for (int i = 0; signals > 0 && i < most_tries; ++i) {
    if (state.signals.compare_exchange_weak(signals, signals - 1, std::memory_order_seq_cst,
                                            std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

constexpr std::uint64_t most_signals = Semaphore::max_signals();

constexpr auto is_nobodys = [](ProcessToken token) { return token == 0; };
constexpr auto is_held = [](ProcessToken token) { return token != 0; };

std::size_t count_permits(Permits permits, bool (*matches)(ProcessToken)) noexcept {
  return static_cast<std::size_t>(
      std::count_if(permits.begin(), permits.end(), [matches](const atomic<ProcessToken>& permit) {
        return matches(permit.load(std::memory_order_relaxed));
      }));
}

bool give_one(SemaphoreState& state, Permits permits, std::uint64_t room) noexcept {
  const ProcessToken self = this_process();
  const std::size_t first = first_place(permits, self);
  const auto is_mine = [self](ProcessToken token) { return token == self; };
  if (exchange_first(permits, first, is_mine, 0) || exchange_first(permits, first, is_held, 0)) {
    return true;
  }
  if (room == 0) {
    return false;
  }
  state.signals.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

}  // namespace

// A permit may move behind the search; then something was released, and it begins again.
bool take_permit(SemaphoreState& state, Permits permits) noexcept {
  const ProcessToken self = this_process();
  std::uint32_t releases = state.releases.load(std::memory_order_seq_cst);
  for (int i = 0; !exchange_first(permits, first_place(permits, self), is_nobodys, self) &&
                  !take_signal(state);
       ++i) {
    const std::uint32_t now = state.releases.load(std::memory_order_seq_cst);
    if (now == releases || i == most_tries) {
      return false;
    }
    releases = now;
  }
  return true;
}

bool give_permits(SemaphoreState& state, Permits permits, std::uint64_t n) {
  const RobustGuard giving(state.giving, Patience{});  // invariant 3
  if (!giving.came()) {
    throw_busy("Semaphore");
  }
  const std::uint64_t signals = state.signals.load(std::memory_order_relaxed);
  const std::uint64_t room =
      state.bounded.load(std::memory_order_relaxed) != 0 || signals >= most_signals
          ? 0
          : most_signals - signals;
  if (n > 1 && n > count_permits(permits, is_held) + room) {
    return false;
  }
  for (; n > 0; --n) {
    if (!give_one(state, permits, room)) {
      return false;
    }
  }
  return true;
}

void announce(SemaphoreState& state) noexcept {
  state.releases.fetch_add(1, std::memory_order_seq_cst);  // invariant 5
  if (state.sleeping.load(std::memory_order_seq_cst) != 0) {
    state.releases.notify_one_shared();
  }
}

ProcessToken free_of_the_dead(SemaphoreState& state, Permits permits) {
  ProcessToken alive = this_process();
  for (atomic<ProcessToken>& permit : permits) {
    ProcessToken token = permit.load(std::memory_order_relaxed);
    if (token == 0 || token == alive) {
      continue;
    }
    if (!is_gone(token)) {
      alive = token;
      continue;
    }
    RobustGuard giving(state.giving, look_again_after);  // invariant 3; the next look is as good
    if (giving.came() && permit.compare_exchange_strong(token, 0, std::memory_order_seq_cst,
                                                        std::memory_order_relaxed)) {
      giving.unlock();
      announce(state);
      return token;
    }
  }
  return 0;
}

std::size_t count_free(Permits permits) noexcept {
  return count_permits(permits, is_nobodys);
}

}  // namespace detail

using detail::Permits;
using detail::SemaphoreState;

namespace {

SemaphoreState& semaphore_of(const SharedMemory& memory) {
  return detail::shared_object<SemaphoreState>(memory);
}

Permits permits_of(const SharedMemory& memory, std::size_t count) {
  std::byte* const first = memory.data() + sizeof(SemaphoreState);
  return {std::launder(reinterpret_cast<atomic<detail::ProcessToken>*>(first)), count};
}

std::size_t checked(std::ptrdiff_t initial) {
  if (initial < 0 || initial > Semaphore::max()) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::Semaphore: the initial value is {}; give one from 0 to {}",
        initial, Semaphore::max()));
  }
  return static_cast<std::size_t>(initial);
}

SharedMemory make_memory(std::size_t permits, bool bounded) {
  SharedMemory memory = detail::make_shared_object<SemaphoreState>(
      detail::SharedKind::semaphore, permits * sizeof(detail::ProcessToken), permits, bounded);
  for (std::size_t i = 0; i < permits; ++i) {
    new (memory.data() + sizeof(SemaphoreState) + i * sizeof(atomic<detail::ProcessToken>))
        atomic<detail::ProcessToken>(0);
  }
  return memory;
}

// The turn, and the mark that its holder may sleep.
class Turn {
 public:
  Turn(SemaphoreState& state, Deadline deadline) : state_(state), turn_(state.turn, deadline) {}
  ~Turn() {
    if (came()) {
      state_.sleeping.store(0, std::memory_order_relaxed);
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  bool came() const noexcept { return turn_.came(); }

 private:
  SemaphoreState& state_;
  detail::RobustGuard turn_;
};

// Waits for a permit until the deadline: whether it came.
bool sleep_in_turn(SemaphoreState& state, Permits permits, Deadline deadline) {
  const Turn turn(state, deadline);
  while (turn.came()) {
    state.sleeping.store(1, std::memory_order_seq_cst);  // invariant 5
    const std::uint32_t seen = state.releases.load(std::memory_order_seq_cst);
    if (detail::take_permit(state, permits)) {
      return true;
    }
    if (deadline.expired()) {
      return false;
    }
    state.releases.wait_shared(seen, deadline);
  }
  return false;
}

}  // namespace

Semaphore::Semaphore(std::ptrdiff_t initial) : Semaphore(initial, false) {}

Semaphore::Semaphore(std::ptrdiff_t initial, bool bounded)
    : Semaphore(make_memory(checked(initial), bounded), checked(initial), bounded) {}

Semaphore::Semaphore(SharedMemory memory, std::size_t permits, bool bounded) noexcept
    : memory_(std::move(memory)), permits_(permits), bounded_(bounded) {}

bool Semaphore::acquire(Deadline deadline) const {
  SemaphoreState& state = semaphore_of(memory_);
  const Permits permits = permits_of(memory_, permits_);
  bool late = deadline.nanoseconds() <= 0;
  while (!detail::take_permit(state, permits)) {
    if (late) {
      return false;
    }
    if (sleep_in_turn(state, permits, std::min(deadline, Deadline(detail::look_again_after)))) {
      return true;
    }
    late = deadline.expired();
    if (const detail::ProcessToken dead = detail::free_of_the_dead(state, permits)) {
      throw OwnerDied(fmt::format(
          "coeval::multiprocessing::Semaphore: process {} ended and had not released what it "
          "acquired; that is free now, and what it guards may be half changed",
          detail::pid_of(dead)));
    }
  }
  return true;
}

void Semaphore::release(std::ptrdiff_t n) const {
  SemaphoreState& state = semaphore_of(memory_);
  const Permits permits = permits_of(memory_, permits_);
  if (n < 1) {
    throw ValueError(
        fmt::format("coeval::multiprocessing::Semaphore: release of {}; release one or more", n));
  }
  if (!detail::give_permits(state, permits, static_cast<std::uint64_t>(n))) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::Semaphore: a release of {} would exceed the bound (the value is "
        "{}); release only what was acquired",
        n, value()));
  }
  detail::announce(state);
}

std::ptrdiff_t Semaphore::value() const {
  return static_cast<std::ptrdiff_t>(detail::count_free(permits_of(memory_, permits_))) +
         semaphore_of(memory_).signals.load(std::memory_order_relaxed);
}

void Semaphore::save(pickle::OutputArchive& archive) const {
  memory_.save(archive);
}

Semaphore Semaphore::load(pickle::InputArchive& archive) {
  return load(archive, false);
}

Semaphore Semaphore::load(pickle::InputArchive& archive, bool bounded) {
  SharedMemory memory =
      detail::load_shared_object<SemaphoreState>(archive, detail::SharedKind::semaphore);
  const SemaphoreState& state = semaphore_of(memory);
  // Fetched once: what was checked is what is used.
  const std::size_t permits = state.permits.load(std::memory_order_relaxed);
  const bool is_bounded = state.bounded.load(std::memory_order_relaxed) != 0;
  if (permits > (memory.size() - sizeof(SemaphoreState)) / sizeof(detail::ProcessToken) ||
      (bounded && !is_bounded)) {
    throw PickleError("coeval::multiprocessing::Semaphore: the memory that came holds another one");
  }
  return {std::move(memory), permits, is_bounded};
}

std::string to_string(const Semaphore& semaphore) {
  return semaphore.bounded_
             ? fmt::format("<BoundedSemaphore value={}/{}>", semaphore.value(), semaphore.permits_)
             : fmt::format("<Semaphore value={}>", semaphore.value());
}

}  // namespace coeval::multiprocessing
