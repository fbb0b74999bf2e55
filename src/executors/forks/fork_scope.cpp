// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/detail/fork_scope.hpp>

#include "executors/threads/thread_pool.hpp"
#include "futures/spin.hpp"

#include <coeval/futures/detail/wait_helper.hpp>

#include <new>
#include <utility>

namespace coeval::detail {

namespace {

// A lane and a number in it, in one word.
constexpr int number_bits = 48;
std::uint64_t thief_word(const Seat& seat) noexcept {
  return (static_cast<std::uint64_t>(seat.lane->number + 1) << number_bits) |
         static_cast<std::uint64_t>(seat.first_descendant);
}

}  // namespace

ForkScope::ForkScope(ExecutorBackend& backend) noexcept : pool_(backend.thread_pool()) {}

ForkScope::~ForkScope() = default;

bool ForkScope::may_work_here(ExecutorBackend& backend) {
  ThreadPool* const pool = backend.thread_pool();
  if (pool == nullptr || seat_of_this_thread.pool == pool) {
    return true;
  }
  pool->refuse_if_closed();
  return pool->initializer_ == nullptr;
}

void ForkScope::push(ForkedTask& task) {
  if (pool_ == nullptr) {
    ++pushed_;
    task.run(task, true);
    return;
  }
  if (!seated_) {
    sit_down();
  }
  if (lane_ == nullptr) {
    ++pushed_;
    try {
      pool_->put_fork(task);
    } catch (...) {
      --pushed_;
      throw;
    }
    return;
  }
  lane_->deque.push(Queued(task));
  lane_->counts.count_submitted();
  ++pushed_;
  if (pool_->needs_worker()) [[unlikely]] {
    pool_->provide_if_possible();
  }
}

// Finds the lane of this thread, or gives it one for the time of the join, unless its tasks need an
// initializer that has run in their thread.
void ForkScope::sit_down() {
  Seat& seat = seat_of_this_thread;
  guest_ = false;
  if (seat.pool == pool_) {
    lane_ = seat.lane;
    guest_ = lane_->scopes > 0;
  } else {
    pool_->refuse_if_closed();
    if (pool_->initializer_ == nullptr) {
      lane_ = pool_->admit_guest();
    }
    if (lane_ != nullptr) {
      guest_ = true;
      lane_->outer = seat;
      seat = {pool_, lane_, lane_->deque.next_number(), seat.depth};
    }
  }
  seated_ = true;
  if (lane_ != nullptr) {
    first_ = lane_->deque.next_number();
    lane_->scopes += guest_ ? 1 : 0;
  }
}

// The last scope of a guest gives the lane back. Another pool's seat may lie above it.
void ForkScope::stand_up() noexcept {
  seated_ = false;
  Lane* const lane = std::exchange(lane_, nullptr);
  if (!guest_) {
    return;
  }
  --lane->scopes;
  if (lane->scopes > 0) {
    return;
  }
  Seat* seat = &seat_of_this_thread;
  while (seat->lane != lane) {
    seat = &seat->lane->outer;
  }
  *seat = std::exchange(lane->outer, {});
  pool_->dismiss_guest(*lane);
}

void ForkScope::run_child(ForkedTask& child, ThreadPool& pool, Lane& lane) noexcept {
  const Frame frame(pool, lane);
  ForkScope& scope = *child.scope;
  if (scope.lane_ != &lane) {
    // Release: invariant 3; a thread that reads it finds the lane as it is now, or later.
    scope.thief_.store(thief_word(seat_of_this_thread), std::memory_order_release);
  }
  child.run(child, true);
  lane.counts.count(Ran::returned);
}

void ForkScope::run_gathered(ForkedTask& child, ThreadPool& pool, Lane& lane) noexcept {
  const Frame frame(pool, lane);
  Gathered& gathered = lane.gathered;
  if (gathered.scope != child.scope) {
    tell_gathered(lane);
    gathered = {.scope = child.scope, .thief_word = thief_word(seat_of_this_thread), .ended = 0};
    child.scope->thief_.store(gathered.thief_word, std::memory_order_release);  // invariant 3
  }
  child.run(child, true);
  lane.counts.count(Ran::returned);
}

void ForkScope::tell_gathered(Lane& lane) noexcept {
  const Gathered gathered = std::exchange(lane.gathered, {});
  if (gathered.scope != nullptr) {
    gathered.scope->count_ended(gathered.thief_word, gathered.ended);
  }
}

void ForkScope::child_ended() noexcept {
  const Seat& seat = seat_of_this_thread;
  if (pool_ == nullptr || (lane_ != nullptr && seat.lane == lane_)) {
    ++ended_here_;
  } else if (seat.lane == nullptr) {
    count_ended(0, 1);
  } else if (seat.depth == 1 && seat.lane->gathered.scope == this) {
    ++seat.lane->gathered.ended;
  } else {
    count_ended(thief_word(seat), 1);
  }
}

// Of children that ran elsewhere, by a thread that wrote this into thief_, or nothing.
void ForkScope::count_ended(std::uint64_t thief_word, std::int64_t children) noexcept {
  if (thief_word != 0) {
    thief_.compare_exchange_strong(thief_word, 0, std::memory_order_relaxed,
                                   std::memory_order_relaxed);
  }
  // Release: what the children did comes before the join. Acquire: they are some of many that count
  // down.
  if (ended_.fetch_sub(2 * children, std::memory_order_acq_rel) == 2 * children + 1) {
    ended_.notify_one();
  }
}

bool ForkScope::all_ended() const noexcept {
  // Acquire: pairs with the release in child_ended().
  return 2 * (pushed_ - ended_here_) + ended_.load(std::memory_order_acquire) == 0;
}

void ForkScope::join() noexcept {
  while (!all_ended()) {
    if (lane_ == nullptr || (!run_own() && !run_of_thief() && !spin())) {
      sleep_until_ended();
    }
  }
  pushed_ = 0;
  ended_here_ = 0;
  ended_.store(0, std::memory_order_relaxed);  // nobody counts any more
  used_ = 0;
  if (seated_) {
    stand_up();
  }
}

// Children that others run end soon, most often: true if they have, or if there was more to do.
bool ForkScope::spin() noexcept {
  constexpr unsigned looks_between_thefts = 16;
  if (pool_->spin_ns_ == 0) {
    return false;
  }
  unsigned looks = 0;
  return spin_until(pool_->spin_ns_, [this, &looks] {
    ++looks;
    return all_ended() || (looks % looks_between_thefts == 0 && run_of_thief());
  });
}

bool ForkScope::run_own() noexcept {
  const Queued task = lane_->deque.pop_newest(first_);
  if (!task) {
    return false;
  }
  if (task.is_fork()) {
    run_child(task.forked(), *pool_, *lane_);
  } else {
    Worker::of_this_thread(*pool_)->run_own_one(task);
  }
  return true;
}

// After Wagner and Calder, "Leapfrogging" (1993): while another thread runs a child of this scope,
// this one runs what that child has forked, and nothing else.
bool ForkScope::run_of_thief() noexcept {
  const std::uint64_t thief = thief_.load(std::memory_order_acquire);
  if (thief == 0 || !has_stack_room()) {
    return false;
  }
  Lane& lane = pool_->lanes_[(thief >> number_bits) - 1];
  const auto first =
      static_cast<WorkDeque::Number>(thief & ((std::uint64_t{1} << number_bits) - 1));
  // Invariant 3.
  const Queued task = lane.deque.take_oldest_from(first, [this, thief](Queued oldest) {
    return oldest.is_fork() && thief_.load(std::memory_order_acquire) == thief;
  });
  if (!task) {
    return false;
  }
  run_child(task.forked(), *pool_, *lane_);
  return true;
}

void ForkScope::sleep_until_ended() noexcept {
  const SleepNotice notice;
  const std::int64_t waited_for = 2 * (pushed_ - ended_here_) + 1;
  // Invariant 1; acquire as in all_ended().
  std::int64_t left = ended_.fetch_add(waited_for, std::memory_order_acq_rel) + waited_for;
  while (left != 1) {
    ended_.wait(left, never);
    left = ended_.load(std::memory_order_acquire);
  }
  // All that there was has ended elsewhere: so the counts are equal again.
  ended_here_ = pushed_;
  ended_.store(0, std::memory_order_relaxed);
}

void ForkScope::fail(std::exception_ptr error) noexcept {
  try {
    const threading::Guard guard(lock_);
    if (first_error_ == nullptr) {
      first_error_ = std::move(error);
    } else {
      more_errors_.push_back(std::move(error));
    }
  } catch (const std::bad_alloc&) {
    // The first one tells enough.
  }
  cancel();
}

void ForkScope::cancel() noexcept {
  cancelled_.store(true, std::memory_order_relaxed);
  std::optional<std::stop_source> stop;  // its callbacks run outside of the lock
  {
    const threading::Guard guard(lock_);
    stop = stop_;
  }
  if (stop) {
    stop->request_stop();
  }
}

std::stop_token ForkScope::stop_token() {
  const threading::Guard guard(lock_);
  if (!stop_) {
    stop_.emplace();
    if (cancelled()) {
      stop_->request_stop();
    }
  }
  return stop_->get_token();
}

std::vector<std::exception_ptr> ForkScope::take_errors() {
  if (!cancelled()) [[likely]] {
    return {};  // fail() cancels, and what a child did comes before the join
  }
  const threading::Guard guard(lock_);
  std::vector<std::exception_ptr> errors;
  if (first_error_ != nullptr) {
    errors.reserve(1 + more_errors_.size());
    errors.push_back(std::exchange(first_error_, nullptr));
    for (std::exception_ptr& error : std::exchange(more_errors_, {})) {
      errors.push_back(std::move(error));
    }
  }
  return errors;
}

void* ForkScope::allocate(std::size_t size) {
  const std::size_t rounded = (size + 15) & ~std::size_t{15};
  if (room_size - used_ >= rounded) {
    void* const memory = room_ + used_;
    used_ += rounded;
    return memory;
  }
  return allocate_block(size);
}

void ForkScope::free(void* memory, std::size_t size) noexcept {
  auto* const byte = static_cast<std::byte*>(memory);
  if (byte < room_ || byte >= room_ + room_size) {
    free_block(memory, size);
  }
}

}  // namespace coeval::detail
