// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/event.hpp>

#include "multiprocessing/memory/shared_object.hpp"

#include <coeval/core/atomic.hpp>

#include <utility>

namespace coeval::multiprocessing {
namespace {

// 1. Bit 0 of the word is the flag; the bits above count how often it was cleared.
// 2. Setting the flag and waking all sleepers is one step of the kernel: a process that is killed
//    has done all of it or nothing. Clearing the flag and counting is one step.
// 3. A waiter that sees the flag, or another count than when it began, was released.
struct State {
  explicit State(detail::SharedHeader h) : header(h) {}

  const detail::SharedHeader header;
  atomic<std::uint32_t> word{0};
};

constexpr std::uint32_t set_bit = 1;

// So often no honest process comes first.
constexpr int most_attempts = 1 << 20;

State& event_of(const SharedMemory& memory) {
  return detail::shared_object<State>(memory);
}

}  // namespace

Event::Event() : Event(detail::make_shared_object<State>(detail::SharedKind::event, 0)) {}

Event::Event(SharedMemory memory) noexcept : memory_(std::move(memory)) {}

// Acquire pairs with the store in set().
bool Event::is_set() const {
  return (event_of(memory_).word.load(std::memory_order_acquire) & set_bit) != 0;
}

void Event::set() const {
  State& state = event_of(memory_);
  if ((state.word.load(std::memory_order_acquire) & set_bit) == 0) {
    state.word.fetch_or(0, std::memory_order_release);  // for sanitizers, blind to the kernel's
    state.word.or_and_notify_shared(set_bit);           // invariant 2
  }
}

void Event::clear() const {
  State& state = event_of(memory_);
  std::uint32_t word = state.word.load(std::memory_order_relaxed);
  for (int i = 0; (word & set_bit) != 0 && i < most_attempts &&
                  !state.word.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel,
                                                    std::memory_order_relaxed);  // invariant 2
       ++i) {
  }
}

bool Event::wait(Deadline deadline) const {
  const State& state = event_of(memory_);
  const std::uint32_t before = state.word.load(std::memory_order_acquire);
  std::uint32_t word = before;
  for (bool in_time = deadline.nanoseconds() > 0; word == before && (word & set_bit) == 0;) {
    if (!in_time) {
      return false;
    }
    in_time = state.word.wait_shared(word, deadline);
    word = state.word.load(std::memory_order_acquire);  // pairs with the store in set()
  }
  return true;  // invariant 3: clear() does not change the word while the flag is clear
}

void Event::save(pickle::OutputArchive& archive) const {
  memory_.save(archive);
}

Event Event::load(pickle::InputArchive& archive) {
  return Event(detail::load_shared_object<State>(archive, detail::SharedKind::event));
}

std::string to_string(const Event& event) {
  return event.is_set() ? "<Event set>" : "<Event unset>";
}

}  // namespace coeval::multiprocessing
