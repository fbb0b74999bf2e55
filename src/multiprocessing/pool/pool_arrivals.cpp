// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/detail/pool_arrivals.hpp>

#include <coeval/futures/detail/remote_task.hpp>
#include <coeval/futures/detail/wait_helper.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// How long the reader waits at the oldest task while others may be done: about what a wake takes.
constexpr auto a_moment = std::chrono::microseconds(200);

}  // namespace

void Arrival::run(coeval::detail::Cell& /*settled*/) noexcept {
  all->push(*this);
}

Arrival* Arrivals::newest_in(std::uint64_t top) noexcept {
  return top == asleep ? nullptr : reinterpret_cast<Arrival*>(top);
}

void Arrivals::push(Arrival& arrival) noexcept {
  std::uint64_t top = top_.load(std::memory_order_acquire);
  do {
    if (top == closed) {  // acquire: invariant 4
      count_down(1);
      return;
    }
    arrival.next = newest_in(top);
    // Release: what the task did, and next, come before it is fetched.
  } while (!top_.compare_exchange_weak(top, reinterpret_cast<std::uint64_t>(&arrival),
                                       std::memory_order_release, std::memory_order_acquire));
  if (top == asleep) {
    top_.notify_one();  // only the address is used: the reader may be through with this
  }
}

void Arrivals::watch(coeval::detail::Cell& cell, Arrival& arrival) noexcept {
  arrival.all = this;
  arrival.cell = &cell;
  arrival.older = newest_;
  arrival.newer = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &arrival;
  newest_ = &arrival;
  ++outstanding_;
  if (!cell.attach(arrival)) {
    push(arrival);  // behind those that were done before
  }
}

// Puts what was pushed in front of what was fetched, oldest first: false if there is nothing.
bool Arrivals::fetch() noexcept {
  if (top_.load(std::memory_order_relaxed) == nothing) {
    return false;
  }
  coeval::detail::Continuation* arrival =
      newest_in(top_.exchange(nothing, std::memory_order_acquire));
  const bool any = arrival != nullptr;
  while (arrival != nullptr) {
    auto* const next = std::exchange(arrival->next, fetched_);
    fetched_ = static_cast<Arrival*>(arrival);
    arrival = next;
  }
  return any;
}

Arrival* Arrivals::take() noexcept {
  if (order_ == Order::as_done) {
    return fetched_ != nullptr || fetch() ? unlink(nullptr, *fetched_) : nullptr;
  }
  fetch();
  Arrival* before = nullptr;
  Arrival* arrival = fetched_;
  while (arrival != nullptr && arrival != oldest_) {
    before = std::exchange(arrival, static_cast<Arrival*>(arrival->next));
  }
  return arrival == nullptr ? nullptr : unlink(before, *arrival);
}

// Of those that were fetched, before is the one in front of it.
Arrival* Arrivals::unlink(Arrival* before, Arrival& arrival) noexcept {
  if (before == nullptr) {
    fetched_ = static_cast<Arrival*>(arrival.next);
  } else {
    before->next = arrival.next;
  }
  (arrival.older == nullptr ? oldest_ : arrival.older->newer) = arrival.newer;
  (arrival.newer == nullptr ? newest_ : arrival.newer->older) = arrival.older;
  slow_ = slow_ == &arrival ? nullptr : slow_;
  --outstanding_;
  return &arrival;
}

Arrival* Arrivals::wait(Deadline deadline, bool soon) {
  if (Arrival* const arrival = take(); arrival != nullptr || deadline.expired()) {
    return arrival;
  }
  const coeval::detail::SleepNotice notice;
  if (soon && oldest_ != slow_) {
    help(deadline);
    if (Arrival* const arrival = take()) {
      return arrival;
    }
    slow_ = oldest_;
  }
  while (sleep(deadline)) {
    if (Arrival* const arrival = take()) {
      return arrival;
    }
  }
  return nullptr;
}

void Arrivals::help(Deadline deadline) {
  if (auto* const elsewhere = oldest_->cell->remote()) {
    elsewhere->help_along(std::min(deadline, Deadline(a_moment)));
  }
}

bool Arrivals::sleep(Deadline deadline) noexcept {
  std::uint64_t expected = nothing;
  // Relaxed: the mark says nothing but itself, and fetch() looks again.
  while (top_.compare_exchange_strong(expected, asleep, std::memory_order_relaxed,
                                      std::memory_order_relaxed) ||
         expected == asleep) {
    if (!top_.wait(asleep, deadline)) {
      break;
    }
    expected = nothing;
  }
  return fetch();
}

void Arrivals::stop() noexcept {
  for (Arrival* arrival = oldest_; arrival != nullptr; arrival = arrival->newer) {
    arrival->cell->stop(false);
  }
}

void Arrivals::close() noexcept {
  std::size_t arrived = 1;  // and the reader
  for (const auto* arrival = fetched_; arrival != nullptr;
       arrival = static_cast<const Arrival*>(arrival->next)) {
    ++arrived;
  }
  left_.store(outstanding_ + 1, std::memory_order_relaxed);
  // Release and acquire: invariant 4, and the links of those that were pushed.
  const coeval::detail::Continuation* pushed =
      newest_in(top_.exchange(closed, std::memory_order_acq_rel));
  for (; pushed != nullptr; pushed = pushed->next) {
    ++arrived;
  }
  count_down(arrived);
}

// Acquire and release: who deletes it sees that the others are through with it.
void Arrivals::count_down(std::size_t arrived) noexcept {
  if (left_.fetch_sub(arrived, std::memory_order_acq_rel) == arrived) {
    delete this;
  }
}

}  // namespace coeval::multiprocessing::detail
