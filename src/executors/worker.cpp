// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/worker.hpp"

#include "executors/stack_room.hpp"
#include "executors/thread_pool.hpp"

#include <coeval/core/system.hpp>

#include <exception>
#include <utility>

namespace coeval::detail {
namespace {

thread_local Worker* worker_of_this_thread = nullptr;

// A worker does not put another task on a stack that has less room than this.
constexpr std::size_t wanted_stack_room = 256 * 1024;

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

Worker::Totals& Worker::Totals::operator+=(const Totals& other) noexcept {
  completed += other.completed;
  failed += other.failed;
  cancelled += other.cancelled;
  busy_ns += other.busy_ns;
  cpu_ns += other.cpu_ns;
  return *this;
}

Worker* Worker::of_this_thread(const ThreadPool& pool) noexcept {
  Worker* const worker = worker_of_this_thread;
  return worker != nullptr && &worker->pool_ == &pool ? worker : nullptr;
}

void Worker::run(const std::shared_ptr<ThreadPool>& pool, const std::shared_ptr<Worker>& worker) {
  // However the thread ends, by pthread_exit in a task too, the pool knows.
  const struct Registration {
    explicit Registration(Worker& w) : worker(w) {
      worker_of_this_thread = &worker;
      set_current_wait_helper(&worker);
      const threading::Guard guard(worker.pool_.lock_);
      worker.handle_ = sys().thread_self();
    }
    ~Registration() {
      worker.end_busy();
      worker.pool_.remove_worker(worker);
      set_current_wait_helper(nullptr);
      worker_of_this_thread = nullptr;
    }
    Worker& worker;
  } registration(*worker);
  if (!pool->initializer_ || pool->initialize(*worker)) {
    worker->work();
  }
}

void Worker::work() {
  begin_busy();
  while (CellRef task = pool_.next_task(*this)) {
    run_one(std::move(task));
  }
}

void Worker::run_one(CellRef task) {
  if (task->try_start()) {
    run_started(*task);
  } else if (task->state() == State::cancelled_and_notified) {
    counts_.count_cancelled();
  } else {
    const threading::Guard guard(pool_.lock_);
    --pool_.claimed_;
  }
}

void Worker::run_started(Cell& task) {
  struct Frame {
    explicit Frame(Worker& w) : worker(w), outer(w.first_descendant_) {
      worker.first_descendant_ = worker.next_number_;
      ++worker.depth_;
    }
    ~Frame() {
      --worker.depth_;
      worker.first_descendant_ = outer;
    }
    Worker& worker;
    const std::uint64_t outer;
  } const frame(*this);
  run_task(task, pool_.timer_, pool_.name_, counts_);
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
  if (CellRef task = newest_descendant()) {
    run_one(std::move(task));
    return true;
  }
  return false;
}

// The task's place in the queues: most often the last of its own, else it is skipped there later.
void Worker::forget_claimed(const Cell& task) {
  CellRef place;  // its end may destroy things: after the guard
  const threading::Guard guard(pool_.lock_);
  if (!own_.empty() && own_.back().task.get() == &task) {
    place = std::move(own_.back().task);
    own_.pop_back();
    --pool_.own_tasks_;
    pool_.note_room();
  } else {
    ++pool_.claimed_;
  }
}

bool Worker::has_stack_room() const {
  const std::size_t room = stack_room();
  if (room == 0) {
    return depth_ < depth_without_knowledge;
  }
  return room > wanted_stack_room && depth_ < most_depth;
}

CellRef Worker::newest_descendant() {
  const threading::Guard guard(pool_.lock_);
  if (own_.empty() || own_.back().number < first_descendant_) {
    return {};
  }
  CellRef task = std::move(own_.back().task);
  own_.pop_back();
  --pool_.own_tasks_;
  pool_.note_room();
  return task;
}

void Worker::before_sleep() noexcept {
  end_busy();
  threading::Guard guard(pool_.lock_);
  ++pool_.asleep_;
  if (pool_.queued() == 0) {
    return;
  }
  Worker* const idle = pool_.provide_worker_if_possible();
  guard.unlock();
  if (idle != nullptr) {
    idle->wake();
  }
}

void Worker::after_sleep() noexcept {
  begin_busy();
  const threading::Guard guard(pool_.lock_);
  --pool_.asleep_;
}

void Worker::wake() noexcept {
  // Release: pairs with park(). After the store the worker may be gone; only its address is used.
  signal_.store(1, std::memory_order_release);
  signal_.notify_one();
}

void Worker::park() noexcept {
  end_busy();
  while (signal_.load(std::memory_order_acquire) == 0) {
    signal_.wait(0, never);
  }
  signal_.store(0, std::memory_order_relaxed);  // the next wake comes after the pool's lock
  begin_busy();
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

Worker::Totals Worker::totals() const noexcept {
  Totals totals;
  totals.completed = counts_.completed();
  totals.failed = counts_.failed();
  totals.cancelled = counts_.cancelled();
  totals.busy_ns = busy_ns_.load(std::memory_order_relaxed);
  if (const std::int64_t since = busy_since_ns_.load(std::memory_order_relaxed); since != 0) {
    totals.busy_ns += sys().monotonic_ns() - since;
  }
  if (handle_) {
    if (const std::int64_t used = sys().thread_cpu_ns(*handle_); used > 0) {
      totals.cpu_ns = used;
    }
  }
  return totals;
}

}  // namespace coeval::detail
