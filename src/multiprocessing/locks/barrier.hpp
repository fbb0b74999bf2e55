// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Barrier keeps in shared memory.

#include "multiprocessing/locks/process_token.hpp"
#include "multiprocessing/locks/robust_mutex.hpp"
#include "multiprocessing/memory/shared_object.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace coeval::multiprocessing::detail {

enum class Outcome : std::uint32_t {
  none,  // of a barrier: not broken
  passed,
  aborted,
  reset,
  timed_out,
  action_failed,
  died,
};

// 1. A round has a number, phase. It ends when phase goes on by one, which is one step with the wake
//    of all waiters. A round that did not pass, and in which somebody waits, was noted in breaks
//    before, and the latest note of a round is the valid one. So all parties of a round get the same
//    outcome, whoever is killed and however late they look.
// 2. Everything is written with mutex held. Whoever finds that a holder died breaks the barrier and
//    ends the round before anything else.
// 3. arrivals is the phase and the number of parties that came in it; in another phase than its own
//    it means none. The tokens of the first so many parties are theirs.
// 4. While all parties are there and the phase has not changed, the last of them runs the action:
//    nobody may arrive, and the deadlines of those who wait do not count.
// 5. Each sleeping party looks after the one that came next, the last after the first, and who came
//    too early for the next round looks after the one that runs the action. So if a party's process
//    is gone and another's is not, somebody sees it.
struct BarrierState {
  static constexpr std::uint32_t remembered = 256;

  BarrierState(SharedHeader h, int count) : header(h), parties(static_cast<std::uint32_t>(count)) {}

  const SharedHeader header;
  const atomic<std::uint32_t> parties;  // how many tokens follow this object
  RobustMutex mutex;
  atomic<std::uint32_t> phase{0};
  atomic<Outcome> broken{Outcome::none};
  atomic<std::uint64_t> arrivals{0};
  atomic<std::uint32_t> breaks{0};                                // how many rounds did not pass
  std::array<atomic<std::uint64_t>, remembered> broken_rounds{};  // a phase and its outcome
};

using Parties = std::span<atomic<ProcessToken>>;

// Holds the mutex, with invariant 2.
class BarrierGuard {
 public:
  // Errors: TimeoutError if it was not free in time, nor soon.
  explicit BarrierGuard(BarrierState& state, Deadline deadline = std::chrono::seconds(0));
  ~BarrierGuard() = default;
  BarrierGuard(const BarrierGuard&) = delete;
  BarrierGuard& operator=(const BarrierGuard&) = delete;

 private:
  RobustGuard guard_;
};

// How many parties have come in the present round.
std::uint32_t arrived(const BarrierState& state) noexcept;

// How a round that is over ended.
Outcome outcome_of(const BarrierState& state, std::uint32_t phase) noexcept;

// Ends the round, with the mutex held.
void finish_round(BarrierState& state, Outcome outcome) noexcept;

// Sleeps until the round is over: true; or until the deadline. index is the place of this party, or
// the number of parties for one that came too early.
bool wait_for_end(BarrierState& state, Parties parties, std::uint32_t phase, std::uint32_t index,
                  Deadline deadline);

}  // namespace coeval::multiprocessing::detail
