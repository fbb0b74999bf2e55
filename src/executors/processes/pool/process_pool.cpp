// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What the users of a ProcessPool do: submit tasks, shut down, look at it.

#include "executors/processes/pool/process_pool.hpp"

#include "executors/common/left_at_exit.hpp"
#include "executors/common/occupied.hpp"
#include "executors/processes/exchange/codes.hpp"
#include "executors/processes/exchange/region.hpp"
#include "multiprocessing/processes/supervisor.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>
#include <coeval/core/system.hpp>
#include <coeval/futures/detail/wait_helper.hpp>

#include <fmt/format.h>

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

namespace coeval::detail {
namespace {

std::size_t checked(const ProcessPoolOptions& options) {
  const auto require = [](bool right, const char* what, auto value) {
    if (!right) {
      throw ValueError(fmt::format("coeval::ProcessPoolExecutor: {}, not {}", what, value));
    }
  };
  const int workers = options.max_workers.value_or(usable_cpu_count());
  require(workers >= 1, "max_workers must be at least 1", workers);
  const int tasks = options.max_tasks_per_child.value_or(1);
  require(tasks >= 1, "max_tasks_per_child must be at least 1", tasks);
  require(options.nice >= 0 && options.nice <= 19, "nice must be from 0 to 19", options.nice);
  require(options.max_restarts >= 1, "max_restarts must be at least 1", options.max_restarts);
  require(options.max_result_size >= least_max_result_size &&
              options.max_result_size <= most_max_result_size,
          "max_result_size must be from 1 MiB to 1 TiB", options.max_result_size);
  require(options.grace.count() >= 0, "grace must not be negative", options.grace.count());
  return static_cast<std::size_t>(workers);
}

std::string name_or_default(const std::string& name) {
  static atomic<unsigned> pools{0};  // counts, and orders nothing: relaxed
  return name.empty()
             ? fmt::format("ProcessPoolExecutor-{}", pools.fetch_add(1, std::memory_order_relaxed))
             : name;
}

// As many as a map is ahead by, where its elements are the smallest that take a buffer, in bounds that
// descriptors and memory set.
BufferStore::Kept most_kept(std::size_t workers) noexcept {
  constexpr std::size_t of_a_worker = 40;
  return {.small = std::clamp<std::size_t>(of_a_worker * workers, 64, 256),
          .small_bytes = std::size_t{64} << 20,
          .large = 8};
}

}  // namespace

std::uint32_t forks() {
  static atomic<std::uint32_t> count{0};  // of one thread after each fork: relaxed
  static const bool is_counted = [] {
    if (pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1, std::memory_order_relaxed); }) !=
        0) {
      throw std::bad_alloc();
    }
    return true;
  }();
  static_cast<void>(is_counted);
  return count.load(std::memory_order_relaxed);
}

ProcessPool::ProcessPool(ProcessPoolOptions options, pickle::Parcel initializer)
    : name_(name_or_default(options.name)),
      options_(std::move(options)),
      max_workers_(checked(options_)),
      max_occupied_(most_occupied(options_.max_queue, max_workers_)),
      setup_(make_setup(options_, std::move(initializer))),
      buffers_(std::make_shared<BufferStore>(most_kept(max_workers_))),
      forks_(forks()) {
  queue_[0];
  // What ends the children at the end of the process comes after what ends this pool.
  multiprocessing::detail::Supervisor::get();
}

ProcessPool::~ProcessPool() = default;

// Before the lock is taken: another thread may have held it when this process was forked.
void ProcessPool::refuse_if_forked() const {
  if (forks() != forks_) {
    throw RuntimeError(fmt::format(
        "coeval::ProcessPoolExecutor: pool '{}' belongs to the process that forked this one; make "
        "another one here",
        name_));
  }
}

void ProcessPool::refuse_if_closed() const {
  if (broken_ != nullptr) {
    std::rethrow_exception(broken_);
  }
  if (closed_) {
    throw RuntimeError(
        fmt::format("cannot schedule new futures after shutdown of pool '{}'", name_));
  }
}

void ProcessPool::enqueue(CellRef cell, const WhenFull* when_full) {
  refuse_if_forked();
  RemoteTask* const remote = cell->remote();
  if (remote == nullptr) {
    throw RuntimeError("coeval::ProcessPoolExecutor: a task of this process cannot run in another");
  }
  auto& task = *static_cast<ProcessTask*>(remote);
  if (max_occupied_ != 0 && !admit(when_full)) {
    run_here(task);
    return;
  }
  if (is_observed()) [[unlikely]] {
    {
      const threading::Guard guard(lock_);
      refuse_if_closed();
    }
    observe(
        {.event = TaskEvent::submit, .task = cell.get(), .name = cell->name(), .executor = name_});
  }
  const threading::Guard guard(lock_);
  try {
    refuse_if_closed();
    task.pool = shared_from_this();
    push(std::move(cell));
  } catch (...) {
    leave_bound();
    throw;
  }
  submitted_ += task.size();
  dispatch();
}

// Takes a place in a bounded queue. False: the task is to run in the caller.
bool ProcessPool::admit(const WhenFull* when_full) {
  const WhenFull rule = when_full != nullptr ? *when_full : options_.when_full;
  std::optional<SleepNotice> sleep;  // its end may take locks: after the guard
  threading::Guard guard(lock_);
  refuse_if_closed();
  while (occupied_ >= max_occupied_) {
    if (rule == WhenFull::fail) {
      throw QueueFull(
          fmt::format("the queue of pool '{}' is full: {} tasks wait or run", name_, occupied_));
    }
    // The manager waits for nobody: it makes the room.
    if (rule == WhenFull::run_in_caller || (manager_ && threading::current_thread() == *manager_)) {
      return false;
    }
    if (!sleep) {
      guard.unlock();
      sleep.emplace();
      guard.lock();
    } else {
      room_.wait();
    }
    refuse_if_closed();
  }
  ++occupied_;
  return true;
}

void ProcessPool::leave_bound() noexcept {
  if (max_occupied_ != 0) {
    --occupied_;
    room_.notify();
  }
}

void ProcessPool::push(CellRef cell) {
  ProcessTask& task = task_of(*cell);
  queue_[cell->priority()].push_back(std::move(cell));
  is_queued(task);
}

// In front of its equals. Without memory for a level of its own, as far in front as it may.
void ProcessPool::give_back(CellRef cell) noexcept {
  ProcessTask& task = task_of(*cell);
  const int priority = cell->priority();
  auto level = queue_.end();
  try {
    level = queue_.try_emplace(priority).first;
  } catch (const std::bad_alloc&) {
    level = queue_.lower_bound(priority);
  }
  if (level != queue_.end()) {
    level->second.push_front(std::move(cell));
  } else {
    std::prev(level)->second.push_back(std::move(cell));
  }
  is_queued(task);
}

void ProcessPool::is_queued(ProcessTask& task) noexcept {
  task.place = ProcessTask::Place::queued;
  task.worker = nullptr;
  ++queued_;
}

// The call as a worker would do it: the arguments are copies, too.
void ProcessPool::run_here(ProcessTask& task) {
  Cell& cell = task.own_cell();
  {
    const threading::Guard guard(lock_);
    ++submitted_;
  }
  if (!cell.try_start()) {
    const threading::Guard guard(lock_);
    ++cancelled_;
    return;
  }
  std::exception_ptr error;
  try {
    call_here(task);
  } catch (...) {
    error = std::current_exception();
  }
  {
    const threading::Guard guard(lock_);
    ++(error == nullptr ? completed_ : failed_);
  }
  if (error != nullptr) {
    cell.fail(error);
  } else {
    cell.finish();
  }
}

// Everything that has not begun.
void ProcessPool::drop_queued() noexcept {
  TaskList dropped;
  {
    const threading::Guard guard(lock_);
    for (auto& [priority, level] : queue_) {
      while (CellRef cell = level.pop_front()) {
        dropped.push_back(std::move(cell));
      }
    }
    for (const Worker& worker : workers_) {
      while (CellRef cell = worker->take_back_newest()) {
        task_of(*cell).place = ProcessTask::Place::queued;
        ++queued_;
        dropped.push_back(std::move(cell));
      }
    }
  }
  ResumedAtExit all([&] {
    while (const CellRef cell = dropped.pop_front()) {
      if (!cell->cancel() && !cell->done()) {
        end_unstarted(*cell);
      }
    }
  });
  all.go_on();
}

// A task in no queue and no worker that cannot be cancelled, as one that was begun before.
void ProcessPool::end_unstarted(Cell& cell) noexcept {
  auto& task = *static_cast<ProcessTask*>(cell.remote());
  {
    const threading::Guard guard(lock_);
    if (task.place != ProcessTask::Place::queued) {
      return;
    }
    task.place = ProcessTask::Place::nowhere;
    --queued_;
    failed_ += task.size();
    leave_bound();
  }
  cell.try_start();
  cell.fail(error_or_bad_alloc([&] {
    return CancelledError(fmt::format("{} was cancelled before it ran again", cell.title()));
  }));
}

void ProcessPool::shutdown(const ShutdownOptions& options) {
  if (forks() != forks_) {
    return;  // a forked child: the workers are its parent's
  }
  {
    const threading::Guard guard(lock_);
    closed_ = true;
    room_.notify_all();
  }
  if (options.cancel_futures) {
    drop_queued();
  }
  ring();
  if (!options.wait) {
    return;
  }
  const SleepNotice sleep;
  threading::Guard guard(lock_);
  if (manager_ && threading::current_thread() == *manager_) {
    return;
  }
  while (managed_) {
    ended_.wait();
  }
}

// The manager, in a done callback that ends the process, does not come back to its work, and no other
// thread would do it: it goes on here.
void ProcessPool::shut_down_at_exit() {
  if (forks() != forks_) {
    return;
  }
  LeftAtExit::do_all();
  shutdown({});
  threading::Guard guard(lock_);
  const bool is_manager = managed_ && threading::current_thread() == *manager_;
  guard.unlock();
  if (is_manager) {
    manage();
  }
}

ExecutorStats ProcessPool::stats() const {
  const threading::Guard guard(lock_);
  ExecutorStats stats;
  stats.name = name_;
  stats.max_workers = max_workers_;
  stats.workers = workers_.size();
  stats.submitted = submitted_;
  stats.completed = completed_;
  stats.failed = failed_;
  stats.cancelled = cancelled_;
  stats.busy_time = std::chrono::nanoseconds(busy_ns_);
  std::int64_t cpu_ns = cpu_ns_;
  std::size_t begun = 0;
  for (const Worker& worker : workers_) {
    begun += worker->has_running_task() ? 1 : 0;
    stats.idle_workers += worker->is_set_up() && worker->in_hand() == 0 ? 1 : 0;
    cpu_ns += worker->cpu_ns();
  }
  const std::size_t ended = completed_ + failed_ + cancelled_;
  stats.running = std::min(begun, submitted_ - ended);
  stats.queued = submitted_ - ended - stats.running;
  stats.cpu_time = std::chrono::nanoseconds(cpu_ns);
  return stats;
}

std::shared_ptr<BufferStore> buffers_of(ExecutorBackend& backend) {
  return backend.process_pool()->buffers();
}

void throw_cannot_cross() {
  throw PickleError(
      "coeval::AnyExecutor: the workers are processes, and this function, one of its arguments or "
      "its result cannot cross to them; a lambda must capture nothing, everything else must be "
      "such that it can be pickled");
}

}  // namespace coeval::detail
