// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How a worker of a ThreadPool finds its next task.

#include "executors/threads/thread_pool.hpp"

#include "futures/spin.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace coeval::detail {
namespace {

// A worker looks into the injector before its own deque after so many tasks, so that a task which
// keeps submitting others does not starve those from outside.
constexpr std::size_t tasks_between_looks = 61;

// A task's only child runs next, while what it needs is in the cache; but not more of them in a
// row, since older tasks wait.
constexpr std::size_t most_only_children = 3;

// So many bundles that took longer than the first are followed by single tasks, so that slow tasks
// start in their order; those that were faster than the second by bundles of twice the size.
constexpr std::size_t bundles_between_clocks = 4;
constexpr std::int64_t slow_bundles_ns = 100'000;
constexpr std::int64_t fast_bundles_ns = 40'000;

// Who pushes to a deque writes what thieves read, so these look there more seldom than in the injector.
constexpr std::size_t looks_between_deques = 16;

}  // namespace

Queued ThreadPool::next_task(Worker& worker) {
  while (!must_end(worker)) {
    const bool may_end = is(closed);  // before the look: invariant 5
    const Queued task = worker.searching_ ? find_anywhere(worker) : find_at_hand(worker);
    if (task) {
      if (worker.searching_) {
        end_search(worker);
      }
      worker.ran_ = true;
      if (!is(dropping) || !is_to_drop(task)) [[likely]] {
        return task;
      }
      drop(task);
    } else if (!worker.searching_) {
      begin_search(worker);
    } else if (may_end) {
      break;
    } else if (!spin(worker)) {
      park(worker);
    }
  }
  return {};
}

Queued ThreadPool::find_at_hand(Worker& worker) {
  if (urgent_.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    if (const Queued task = take_level(true)) {
      return task;
    }
  }
  WorkDeque& own = worker.lane_.deque;
  if (++worker.looks_ % tasks_between_looks == 0) {
    Queued task;
    if (injector_.take(&task, 1, worker.turn_) == 1) {
      return task;
    }
  }
  // Exactly one: the order among several children stays.
  const WorkDeque::Number only = worker.last_began_at_;
  if (own.next_number() == only + 1 && worker.only_children_ < most_only_children) {
    if (const Queued child = own.pop_newest(only)) {
      ++worker.only_children_;
      return child;
    }
  }
  worker.only_children_ = 0;
  return own.take_oldest();
}

Queued ThreadPool::find_anywhere(Worker& worker) {
  if (const Queued task = find_at_hand(worker)) {
    return task;
  }
  if (const Queued task = take_bundle(worker)) {
    return task;
  }
  if (worker.stole_little_) {
    pause_for_victim();
  }
  if (const Queued task = steal(worker)) {
    return task;
  }
  return low_.load(std::memory_order_seq_cst) != 0 ? take_level(false) : Queued();
}

Queued ThreadPool::take_bundle(Worker& worker) noexcept {
  std::array<Queued, WorkDeque::bundle> tasks;
  const std::size_t taken = injector_.take(tasks.data(), worker.bundle_, worker.turn_);
  if (taken == 0) {
    return {};
  }
  keep_all_but_first(worker, {tasks.data(), taken});
  if (++worker.bundles_ % bundles_between_clocks == 0) {
    adapt_bundle(worker);
  }
  return tasks[0];
}

void ThreadPool::adapt_bundle(Worker& worker) noexcept {
  const std::int64_t now = sys().monotonic_ns();
  const std::int64_t took = now - std::exchange(worker.last_clock_ns_, now);
  if (took > slow_bundles_ns) {
    worker.bundle_ = 1;
  } else if (took < fast_bundles_ns) {
    worker.bundle_ = std::min(2 * worker.bundle_, WorkDeque::bundle);
  }
}

// A thief that keeps pace with one who pushes would cost each push a cache miss. After a pause it
// finds enough for a whole bundle, and goes away for longer.
void ThreadPool::pause_for_victim() const noexcept {
  for (std::size_t i = 0; spin_ns_ != 0 && i < looks_between_deques && injector_.looks_empty();
       ++i) {
    spin_pause();
  }
}

Queued ThreadPool::steal(Worker& worker) noexcept {
  std::array<Queued, WorkDeque::bundle> tasks;
  const std::size_t lanes = lanes_.count();
  for (std::size_t i = 0; i < lanes; ++i) {
    const std::size_t victim = (worker.victim_ + i) % lanes;
    const std::size_t taken = lanes_[victim].deque.take_bundle(tasks);
    if (taken > 0) {
      worker.victim_ = victim;
      worker.stole_little_ = taken < WorkDeque::bundle;
      keep_all_but_first(worker, {tasks.data(), taken});
      return tasks[0];
    }
  }
  return {};
}

// Into the worker's own deque, which is empty.
void ThreadPool::keep_all_but_first(Worker& worker, std::span<const Queued> tasks) noexcept {
  for (const Queued task : tasks) {
    task.prefetch();
  }
  if (tasks.size() > 1) {
    worker.lane_.deque.push_all(tasks.subspan(1));
  }
}

Queued ThreadPool::take_level(bool urgent) {
  const threading::Guard guard(lock_);
  if (urgent && !levels_.is_urgent()) {
    return {};
  }
  const Queued task = levels_.pop();
  if (task) {
    // One above 0 may have come before one below it was taken.
    (task.priority() > 0 ? urgent_ : low_).fetch_sub(1, std::memory_order_relaxed);
  }
  return task;
}

void ThreadPool::begin_search(Worker& worker) noexcept {
  ForkScope::tell_gathered(worker.lane_);
  worker.searching_ = true;
  searching_.fetch_add(one_searching, std::memory_order_seq_cst);
}

// What the worker adds to searching_; it marks the worker as not counted, for a caller that takes
// this away.
std::uint32_t ThreadPool::uncount(Worker& worker) noexcept {
  const bool spins = std::exchange(worker.spinning_, false);
  const bool searches = std::exchange(worker.searching_, false);
  return (searches ? one_searching : 0) + (spins ? one_spinning : 0);
}

// Invariants 2 and 3: first it counts no more, then it looks for what others have left to it.
void ThreadPool::end_search(Worker& worker) noexcept {
  const std::uint32_t mine = uncount(worker);
  if (searching_.fetch_sub(mine, std::memory_order_seq_cst) == mine &&
      may_provide_.load(std::memory_order_seq_cst) && has_work()) {
    provide_if_possible();
  }
}

// Looks for a while before the worker parks, once after it ran tasks: true if there may be something
// to do. It still counts as spinning then, until it ends the search.
bool ThreadPool::spin(Worker& worker) noexcept {
  if (!begin_spin(worker)) {
    return false;
  }
  worker.make_way_for_waker();
  std::size_t looks = 0;
  if (spin_until(spin_ns_, [this, &looks] {
        return !injector_.looks_empty() || (++looks % looks_between_deques == 0 &&
                                            (has_work() || is(closed | broken | surplus)));
      })) {
    return true;
  }
  worker.spinning_ = false;
  searching_.fetch_sub(one_spinning, std::memory_order_relaxed);  // it searches on
  return false;
}

bool ThreadPool::begin_spin(Worker& worker) noexcept {
  if (spin_ns_ == 0) {
    return false;
  }
  if (worker.spinning_) {
    return true;  // what it saw was taken by another
  }
  if (!std::exchange(worker.ran_, false)) {
    return false;
  }
  if (searching_.fetch_add(one_spinning, std::memory_order_relaxed) / one_spinning >=
      most_spinning_) {
    searching_.fetch_sub(one_spinning, std::memory_order_relaxed);
    return false;
  }
  worker.spinning_ = true;
  return true;
}

bool ThreadPool::has_work() const noexcept {
  return !injector_.looks_empty() || urgent_.load(std::memory_order_seq_cst) != 0 ||
         low_.load(std::memory_order_seq_cst) != 0 || !lanes_.look_empty();
}

// Forked tasks are parts of tasks that have begun; only a broken pool does not run them.
bool ThreadPool::is_to_drop(Queued task) const noexcept {
  return !task.is_fork() || is(broken);
}

// Ends a task that was in a queue when the pool broke, or was shut down with cancel_futures.
void ThreadPool::drop(Queued task) noexcept {
  std::exception_ptr error;
  if (is(broken)) {
    const threading::Guard guard(lock_);
    error = broken_;
  }
  if (task.is_fork()) {
    ForkedTask& child = task.forked();
    child.scope->fail(error);
    child.run(child, false);
    counts_.count_cancelled();
    return;
  }
  const CellRef cell = task.take_cell();
  const std::size_t tasks = tasks_in(*cell);
  if (error != nullptr && fail_task(*cell, error, name_, counts_)) {
    counts_.count_failed(tasks - 1);
    forget_waiting(tasks);
  } else if (error != nullptr ? cell->state() == State::cancelled_and_notified : cell->cancel()) {
    counts_.count_cancelled(tasks);
    forget_waiting(tasks);
  } else {
    claimed_.fetch_sub(1, std::memory_order_relaxed);
    if (auto* const chunk = dynamic_cast<MapChunk*>(cell.get())) {
      drop_elements(*chunk, error);
    }
  }
  if (max_occupied_ != 0) {
    leave_bound();
  }
}

// Drops all that waits when dropping was set; workers drop what they find afterwards.
void ThreadPool::drop_all() noexcept {
  std::array<Queued, WorkDeque::bundle> tasks;
  std::size_t turn = 0;
  while (const std::size_t taken = is(broken) ? injector_.take(tasks.data(), tasks.size(), turn)
                                              : injector_.take_cells(tasks)) {
    std::ranges::for_each_n(tasks.begin(), static_cast<std::ptrdiff_t>(taken),
                            [this](Queued task) { drop(task); });
  }
  while (const Queued task = take_level(false)) {
    drop(task);
  }
  const auto droppable = [this](Queued oldest) { return is_to_drop(oldest); };
  for (std::size_t i = 0, end = lanes_.count(); i < end; ++i) {
    while (const Queued task = lanes_[i].deque.take_oldest_from(0, droppable)) {
      drop(task);
    }
  }
}

}  // namespace coeval::detail
