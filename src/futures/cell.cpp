// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/detail/cell.hpp>

#include "futures/spin.hpp"
#include "futures/wait_hub.hpp"

#include <coeval/core/hooks.hpp>
#include <coeval/core/log.hpp>
#include <coeval/futures/detail/continuations.hpp>
#include <coeval/futures/detail/remote_task.hpp>
#include <coeval/futures/detail/wait_helper.hpp>
#include <coeval/futures/promise.hpp>

#include <fmt/format.h>

namespace coeval::detail {
namespace {

Continuation* continuations_in(std::uint64_t word, std::uint64_t flags) noexcept {
  return reinterpret_cast<Continuation*>(word & ~flags);
}

const char* name_of(State state) noexcept {
  switch (state) {
    case State::pending:
      return "pending";
    case State::running:
    case State::settling:
      return "running";
    case State::cancelled:
    case State::cancelled_and_notified:
      return "cancelled";
    case State::finished:
    case State::taken:
      return "finished";
  }
  return "?";
}

}  // namespace

Cell::~Cell() {
  delete hub_.load(std::memory_order_acquire);
}

// Changes only the state; the list and the sleeper bit stay. Acquire and release: the mover sees
// what the mover before wrote, invariant 2.
bool Cell::move_state(State from, State to) noexcept {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  while (state_of(word) == from) {
    const std::uint64_t moved = (word & ~state_mask) | static_cast<std::uint64_t>(to);
    if (word_.compare_exchange_weak(word, moved, std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool Cell::try_start() noexcept {
  if (move_state(State::pending, State::running)) {
    return true;
  }
  move_state(State::cancelled, State::cancelled_and_notified);
  return false;
}

bool Cell::try_settle() noexcept {
  // Whoever is refused by pending finds running or done: the state never goes back to pending.
  return move_state(State::pending, State::settling) || move_state(State::running, State::settling);
}

bool Cell::try_take() noexcept {
  return move_state(State::finished, State::taken);
}

void Cell::finish() noexcept {
  // Release: the result is visible to whoever sees finished. Acquire: so are the continuations
  // here.
  const std::uint64_t word =
      word_.exchange(static_cast<std::uint64_t>(State::finished), std::memory_order_acq_rel);
  announce(word);
}

void Cell::fail(std::exception_ptr error) noexcept {
  set_error(std::move(error));
  drop_callable();
  finish();
}

bool Cell::cancel() noexcept {
  if (RemoteTask* const elsewhere = remote();
      elsewhere != nullptr && state() == State::pending && !elsewhere->withdraw()) {
    return false;
  }
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  do {
    if (state_of(word) != State::pending) {
      const State state = state_of(word);
      return state == State::cancelled || state == State::cancelled_and_notified;
    }
    // As in finish(); invariant 3: the list leaves the word in the move to a done state.
  } while (!word_.compare_exchange_weak(word, static_cast<std::uint64_t>(State::cancelled),
                                        std::memory_order_acq_rel, std::memory_order_relaxed));
  observe({.event = TaskEvent::cancel, .task = this, .name = name(), .executor = {}});
  drop_callable();
  announce(word);
  return true;
}

bool Cell::running() noexcept {
  if (RemoteTask* const elsewhere = remote(); elsewhere != nullptr && state() == State::pending) {
    elsewhere->note_start();
  }
  const State now = state();
  return now == State::running || now == State::settling;
}

void Cell::stop(bool may_kill) noexcept {
  if (!cancel()) {
    request_stop(may_kill);
  }
}

// Invariants 3 and 4 for the word as it was before the move to a done state.
void Cell::announce(std::uint64_t word) noexcept {
  if ((word & sleeper_bit) != 0) {
    word_.notify_all();
  }
  Continuation* oldest = nullptr;
  for (Continuation* latest = continuations_in(word, flag_mask); latest != nullptr;) {
    Continuation* const next = latest->next;
    latest->next = oldest;
    oldest = latest;
    latest = next;
  }
  if (oldest != nullptr) {
    run_nested(oldest, *this);
  }
}

bool Cell::attach(Continuation& continuation) noexcept {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  do {
    if (is_done(state_of(word))) {
      return false;
    }
    continuation.next = continuations_in(word, flag_mask);
    // Release: pairs with the acquire of finish() and cancel(), which read the continuation.
    // Acquire on failure: the caller will read the result.
  } while (!word_.compare_exchange_weak(
      word, reinterpret_cast<std::uint64_t>(&continuation) | (word & flag_mask),
      std::memory_order_release, std::memory_order_acquire));
  return true;
}

void Cell::attach_or_run(Continuation& continuation) noexcept {
  if (!attach(continuation)) {
    continuation.next = nullptr;
    run_nested(&continuation, *this);
  }
}

bool Cell::wait(Deadline deadline) {
  if (done() || (take_expectation(*this) && spin_until_done(*this))) {
    return true;
  }
  if (WaitHelper* const helper = current_wait_helper(); helper != nullptr && deadline.is_never()) {
    const FreshNesting fresh;
    while (!done() && helper->help(*this)) {
    }
    if (done()) {
      return true;
    }
  }
  if (deadline.expired()) {
    return done();
  }
  const SleepNotice notice;
  if (RemoteTask* const elsewhere = remote()) {
    elsewhere->help_along(deadline);
  }
  return sleep(deadline);
}

bool Cell::sleep(Deadline deadline) noexcept {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  while (!is_done(state_of(word))) {
    if ((word & sleeper_bit) == 0) {
      // Relaxed: the bit says nothing but itself; on failure acquire, as the result may be there.
      if (!word_.compare_exchange_weak(word, word | sleeper_bit, std::memory_order_relaxed,
                                       std::memory_order_acquire)) {
        continue;
      }
      word |= sleeper_bit;
    }
    if (!word_.wait(word, deadline)) {
      return done();
    }
    word = word_.load(std::memory_order_acquire);
  }
  return true;
}

std::exception_ptr Cell::exception(Deadline deadline) {
  if (!wait(deadline)) {
    throw TimeoutError(fmt::format("{} is not done yet; it goes on", title()));
  }
  switch (state()) {
    case State::cancelled:
    case State::cancelled_and_notified:
      throw CancelledError(fmt::format("{} was cancelled before it ran", title()));
    default:
      return error_;
  }
}

void Cell::require_value(Deadline deadline) {
  if (const std::exception_ptr error = exception(deadline)) {
    std::rethrow_exception(error);
  }
  if (state() == State::taken) {
    throw InvalidStateError(fmt::format("the result of {} was taken before", title()));
  }
}

std::string Cell::title() const {
  return name().empty() ? std::string("the task") : fmt::format("task '{}'", name());
}

std::string Cell::text() const {
  const State now = state();
  std::string text = fmt::format(
      "<Future{} {}", name().empty() ? "" : fmt::format(" of '{}'", name()), name_of(now));
  if (now == State::taken) {
    text += ", result taken";
  } else if (now == State::finished) {
    text += error_ != nullptr ? fmt::format(", raised {}", describe(error_)) : ", has a result";
  }
  return text + ">";
}

void Cell::drop(std::uint64_t unit) noexcept {
  // Release: what this user did comes before the destruction; acquire: for the one who destroys.
  // Only a user can add another, so the last one needs no exchange.
  if (references_.load(std::memory_order_acquire) == unit ||
      references_.fetch_sub(unit, std::memory_order_acq_rel) == unit) {
    destroy();
  }
}

std::exception_ptr thread_ended_error(const Cell& task) {
  return std::make_exception_ptr(RuntimeError(
      fmt::format("{} ended its thread (pthread_exit or pthread_cancel)", task.title())));
}

void throw_empty_future(const char* call) {
  throw InvalidStateError(fmt::format(
      "coeval::Future::{}: the future is empty (default-constructed or moved from)", call));
}

void throw_already_done(const Cell& cell, const char* call) {
  throw InvalidStateError(
      fmt::format("coeval::Promise::{}: the future is done already: {}", call, cell.text()));
}

bool set_running_or_notify_cancel(Cell& cell) {
  const State before = cell.state();
  if (cell.try_start()) {
    return true;
  }
  if (before == State::cancelled || before == State::pending) {
    return false;
  }
  const std::string text = fmt::format(
      "set_running_or_notify_cancel: the future is in an unexpected state: {}", cell.text());
  log(Severity::critical, "coeval.futures", text);
  throw RuntimeError(text);
}

void break_promise(Cell& cell) noexcept {
  if (cell.try_settle()) {
    cell.set_error(
        std::make_exception_ptr(BrokenPromise("the promise was dropped before it had a result")));
    cell.finish();
  }
}

void log_callback_failure(const Cell& cell) noexcept {
  try {
    log(Severity::error, "coeval.futures",
        fmt::format("exception in a done callback of {}: {}", cell.text(),
                    describe(std::current_exception())));
  } catch (...) {
    log(Severity::error, "coeval.futures", "exception in a done callback");
  }
}

}  // namespace coeval::detail
