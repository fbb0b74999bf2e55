// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/threads/worker.hpp"

#include "executors/common/run_task.hpp"
#include "executors/threads/stack_room.hpp"
#include "executors/threads/thread_pool.hpp"

#include <coeval/core/system.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace coeval::detail {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local Worker* worker_of_this_thread = nullptr;

// A worker does not put another task on a stack that has less room than this, or than this part of
// a small one: who made the stacks small has tasks that need little.
constexpr std::size_t wanted_stack_room = 256 * 1024;
constexpr std::size_t wanted_part = 4;

// The depth to which tasks nest on one stack when its size cannot be found out.
constexpr std::size_t depth_without_knowledge = 100;

// ThreadSanitizer keeps a second stack of 64 K calls for each thread, and does not look at its end.
#if defined(__has_feature)
#define COEVAL_HAS_FEATURE(x) __has_feature(x)
#else
#define COEVAL_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || COEVAL_HAS_FEATURE(thread_sanitizer)
constexpr std::size_t most_depth = 1'000;
#else
constexpr std::size_t most_depth = SIZE_MAX;
#endif

}  // namespace

Worker* Worker::of_this_thread(const ThreadPool& pool) noexcept {
  Worker* const worker = worker_of_this_thread;
  return worker != nullptr && &worker->pool_ == &pool ? worker : nullptr;
}

void Worker::run(const std::shared_ptr<ThreadPool>& pool, const std::shared_ptr<Worker>& worker) {
  // However the thread ends, by pthread_exit in a task too, the pool knows.
  const struct Registration {
    explicit Registration(Worker& w) : worker(w) {
      worker_of_this_thread = &worker;
      seat_of_this_thread = {.pool = &worker.pool_, .lane = &worker.lane_};
      set_current_wait_helper(&worker);
      const threading::Guard guard(worker.pool_.lock_);
      worker.handle_ = sys().thread_self();
    }
    ~Registration() {
      worker.end_busy();
      worker.pool_.remove_worker(worker);
      set_current_wait_helper(nullptr);
      seat_of_this_thread = {};
      worker_of_this_thread = nullptr;
    }
    Worker& worker;
  } registration(*worker);
  pool->pin(*worker);
  if (!pool->initializer_ || pool->initialize(*worker)) {
    worker->work();
  }
}

void Worker::work() {
  begin_busy();
  while (const Queued task = pool_.next_task(*this)) {
    last_began_at_ = lane_.deque.next_number();
    if (task.is_fork()) {
      ForkScope::run_gathered(task.forked(), pool_, lane_);
      continue;
    }
    ForkScope::tell_gathered(lane_);
    run_one(task);
    if (pool_.max_occupied_ != 0) {
      pool_.leave_bound();
    }
  }
  ForkScope::tell_gathered(lane_);
}

void Worker::run_one(Queued task) {
  if (task.is_fork()) {
    ForkScope::run_child(task.forked(), pool_, lane_);
    return;
  }
  const CellRef cell = task.take_cell();
  if (cell->try_start()) {
    run_started(*cell);
  } else if (cell->state() == State::cancelled_and_notified) {
    const std::size_t tasks = ThreadPool::tasks_in(*cell);
    lane_.counts.count_cancelled(tasks);
    pool_.forget_waiting(tasks);
  } else {
    pool_.claimed_.fetch_sub(1, std::memory_order_relaxed);
    if (auto* const chunk = dynamic_cast<MapChunk*>(cell.get())) {
      const Frame frame(pool_, lane_);
      pool_.run_elements(*chunk, lane_);
    }
  }
}

void Worker::run_started(Cell& task) {
  const Frame frame(pool_, lane_);
  run_task(task, pool_.timer_, pool_.name_, lane_.counts);
}

bool Worker::help(Cell& awaited) {
  if (!has_stack_room()) {
    return false;
  }
  if (awaited.host() == &pool_ && awaited.try_start()) {
    forget_claimed(awaited);
    run_started(awaited);
    return true;
  }
  // As a guest of another pool it has no descendants here that it could know.
  const Seat& seat = seat_of_this_thread;
  if (seat.pool != &pool_) {
    return false;
  }
  if (const Queued task = lane_.deque.pop_newest(seat.first_descendant)) {
    run_own_one(task);
    return true;
  }
  return false;
}

void Worker::run_own_one(Queued task) {
  if (pool_.max_occupied_ != 0 && !task.is_fork()) {
    pool_.leave_bound();
  }
  run_one(task);
}

// The task's place in the queues: most often the newest or oldest of its own, else it is skipped
// there later.
void Worker::forget_claimed(const Cell& task) {
  if (!lane_.deque.remove(task)) {
    pool_.claimed_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Queued::of(task).take_cell();
  if (pool_.max_occupied_ != 0) {
    pool_.leave_bound();
  }
}

bool has_stack_room() noexcept {
  const std::size_t depth = seat_of_this_thread.depth;
  const StackRoom room = stack_room();
  if (room.left == 0) {
    return depth < depth_without_knowledge;
  }
  return room.left > std::min(wanted_stack_room, room.size / wanted_part) && depth < most_depth;
}

void Worker::before_sleep() noexcept {
  end_busy();
  pool_.note_asleep();
}

void Worker::after_sleep() noexcept {
  begin_busy();
  pool_.note_awake();
}

void Worker::wake() noexcept {
  waker_cpu_ = sys().current_cpu();
  // Release: pairs with sleep_until_woken(). After the store the worker may be gone; only its address is used.
  signal_.store(1, std::memory_order_release);
  signal_.notify_one();
}

void Worker::sleep_until_woken() noexcept {
  end_busy();
  while (signal_.load(std::memory_order_acquire) == 0) {
    signal_.wait(0, never);
  }
  signal_.store(0, std::memory_order_relaxed);  // the next wake comes after the pool's lock
  begin_busy();
}

// The kernel may have put this thread in the place of the one that woke it, although another
// processor is idle: in a virtual machine that seems to be away. A spin would wait there in vain for
// what that thread is about to submit.
void Worker::make_way_for_waker() noexcept {
  const int cpu = std::exchange(waker_cpu_, -1);
  if (cpu >= 0 && cpu == sys().current_cpu()) {
    sys().yield();
  }
}

void Worker::begin_busy() noexcept {
  busy_since_ns_.store(sys().monotonic_ns(), std::memory_order_relaxed);
}

void Worker::end_busy() noexcept {
  const std::int64_t since = busy_since_ns_.exchange(0, std::memory_order_relaxed);
  if (since != 0) {
    busy_ns_.fetch_add(sys().monotonic_ns() - since, std::memory_order_relaxed);
  }
}

Worker::Times Worker::times() const noexcept {
  Times times;
  times.busy_ns = busy_ns_.load(std::memory_order_relaxed);
  if (const std::int64_t since = busy_since_ns_.load(std::memory_order_relaxed); since != 0) {
    times.busy_ns += sys().monotonic_ns() - since;
  }
  if (handle_) {
    if (const std::int64_t used = sys().thread_cpu_ns(*handle_); used > 0) {
      times.cpu_ns = used;
    }
  }
  return times;
}

}  // namespace coeval::detail
