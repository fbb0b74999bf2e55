// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/barrier.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/threading/detail/wait.hpp>

#include <fmt/format.h>

#include <utility>

namespace coeval::threading {

// 1. A waiter is in the list, and its outcome is waiting, from its arrival until finish_round(),
//    which empties the list and gives every waiter its outcome. All of that under lock_.
// 2. Once a waiter has an outcome its memory may be gone; only its address is used, to wake it.
// 3. While acting_, the round is full and nobody may arrive; its waiters have no deadline any more.
struct Barrier::Waiter {
  atomic<std::uint32_t> outcome{static_cast<std::uint32_t>(Outcome::waiting)};
  Waiter* next = nullptr;
};

Barrier::Barrier(int parties, Function<void()> action, std::chrono::nanoseconds timeout)
    : parties_(parties), timeout_(timeout), action_(std::move(action)) {
  if (parties < 1) {
    throw ValueError(fmt::format(
        "coeval::threading::Barrier: it was made for {} parties; it needs one or more", parties));
  }
}

int Barrier::wait(Deadline deadline) {
  constexpr auto waiting = static_cast<std::uint32_t>(Outcome::waiting);
  Guard guard(lock_);
  while (acting_) {
    if (!idle_.wait(deadline) && acting_) {
      broken_ = Outcome::timed_out;  // of the next round, in which nobody is yet: invariant 3
    }
    if (broken_ != Outcome::waiting) {
      break;
    }
  }
  if (broken_ != Outcome::waiting) {
    raise(broken_);
  }
  const int index = count_++;
  if (count_ == parties_) {
    run_action();
    return index;
  }
  Waiter self;
  self.next = std::exchange(waiters_, &self);
  guard.unlock();
  std::uint32_t outcome = detail::wait_while(self.outcome, waiting, deadline);
  if (outcome == waiting) {
    guard.lock();
    if (self.outcome.load(std::memory_order_relaxed) == waiting && !acting_) {
      broken_ = Outcome::timed_out;
      finish_round(Outcome::timed_out);
    }
    guard.unlock();
    outcome = detail::wait_while(self.outcome, waiting, never);  // invariant 3
  }
  if (outcome != static_cast<std::uint32_t>(Outcome::passed)) {
    raise(static_cast<Outcome>(outcome));
  }
  return index;
}

// The last party has come. Errors: what the action raises; BrokenBarrierError if the barrier was
// aborted or reset meanwhile.
void Barrier::run_action() {
  if (!action_) {
    finish_round(Outcome::passed);
    return;
  }
  const std::uint64_t round = round_;
  acting_ = true;
  lock_.unlock();
  try {
    action_();
  } catch (...) {  // pthread_cancel's unwinding too: it is passed on
    lock_.lock();
    end_action(round, Outcome::action_failed);
    throw;
  }
  lock_.lock();
  end_action(round, Outcome::passed);
  if (last_outcome_ != Outcome::passed) {
    raise(last_outcome_);
  }
}

void Barrier::end_action(std::uint64_t round, Outcome outcome) {
  acting_ = false;
  idle_.notify_all();
  if (round == round_) {  // else abort() or reset() has ended it
    if (outcome != Outcome::passed) {
      broken_ = outcome;
    }
    finish_round(outcome);
  }
}

// Ends the round: who waits gets the outcome, and the next round begins.
void Barrier::finish_round(Outcome outcome) {
  ++round_;
  last_outcome_ = outcome;
  count_ = 0;
  for (Waiter* waiter = std::exchange(waiters_, nullptr); waiter != nullptr;) {
    Waiter* const next = waiter->next;
    // Release pairs with the acquire load in wait_while(). Invariant 2.
    waiter->outcome.store(static_cast<std::uint32_t>(outcome), std::memory_order_release);
    waiter->outcome.notify_one();
    waiter = next;
  }
}

void Barrier::break_all(Outcome why, bool stay_broken) {
  Guard guard(lock_);
  broken_ = stay_broken ? why : Outcome::waiting;
  finish_round(why);
}

void Barrier::raise(Outcome why) {
  const char* reason = "it was aborted";
  if (why == Outcome::reset) {
    reason = "it was reset while this thread waited";
  } else if (why == Outcome::timed_out) {
    reason = "a party's deadline passed before all had come";
  } else if (why == Outcome::action_failed) {
    reason = "its action raised an exception";
  }
  throw BrokenBarrierError(fmt::format("coeval::threading::Barrier is broken: {}{}", reason,
                                       why == Outcome::reset ? "" : "; reset() mends it"));
}

int Barrier::n_waiting() const {
  Guard guard(lock_);
  return count_;
}

bool Barrier::broken() const {
  Guard guard(lock_);
  return broken_ != Outcome::waiting;
}

std::string to_string(const Barrier& barrier) {
  return barrier.broken()
             ? "<Barrier broken>"
             : fmt::format("<Barrier waiters={}/{}>", barrier.n_waiting(), barrier.parties());
}

}  // namespace coeval::threading
