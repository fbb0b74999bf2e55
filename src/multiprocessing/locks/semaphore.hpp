// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Semaphore keeps in shared memory.

#include "multiprocessing/locks/process_token.hpp"
#include "multiprocessing/locks/robust_mutex.hpp"
#include "multiprocessing/memory/shared_object.hpp"

#include <coeval/core/atomic.hpp>

#include <cstdint>
#include <span>

namespace coeval::multiprocessing::detail {

// 1. A permit is a word: 0 when it is free, else the token of the process that holds it. A signal is
//    one count of signals. The value is the number of free permits plus signals.
// 2. Taking and giving back is one step on one word, so a kill comes before it or after it: a permit
//    is never lost, because a dead holder's token stays and can be seen to be dead.
// 3. Only the holder of giving frees permits. So one that is held stays where it is while he looks
//    for it, and he finds it. A giver whose holder died is as good as any.
// 4. Who may have to sleep holds turn, which protects nothing: it keeps all but one sleeper away
//    from releases. A turn whose holder died is as good as any.
// 5. The one who sleeps first sets sleeping, then reads releases, then looks at the permits; who
//    gives back first changes a permit, then releases, then reads sleeping (all sequentially
//    consistent). So the sleeper sees the permit, or the change of releases, or is woken. One wake
//    is enough: who has taken a permit hands turn on, and the next looks.
// 6. A process that is killed between giving back and waking leaves a sleeper who does not know, and
//    one that is stopped keeps its turn. So everybody who waits looks again when his slice is over;
//    then he also looks for permits of the dead.
struct SemaphoreState {
  SemaphoreState(SharedHeader h, std::size_t count, bool is_bounded)
      : header(h), permits(static_cast<std::uint32_t>(count)), bounded(is_bounded ? 1 : 0) {}

  const SharedHeader header;
  const atomic<std::uint32_t> permits;  // how many words follow this object
  const atomic<std::uint32_t> bounded;
  RobustMutex turn;
  RobustMutex giving;
  atomic<std::uint32_t> releases{0};
  atomic<std::uint32_t> sleeping{0};
  atomic<std::uint32_t> signals{0};
};

using Permits = std::span<atomic<ProcessToken>>;

// Takes a permit or a signal if there is one: whether it did.
bool take_permit(SemaphoreState& state, Permits permits) noexcept;

// Gives n back, permits of this process first, signals if no permit is held. False, and nothing is
// given back, if that is more than there may be. Errors: TimeoutError if another giver does not end.
bool give_permits(SemaphoreState& state, Permits permits, std::uint64_t n);

// How many are free.
std::size_t count_free(Permits permits) noexcept;

// Tells the sleeper that permits were given back.
void announce(SemaphoreState& state) noexcept;

// Frees one permit of a process that is gone: its token, or 0 if there is none.
ProcessToken free_of_the_dead(SemaphoreState& state, Permits permits);

}  // namespace coeval::multiprocessing::detail
