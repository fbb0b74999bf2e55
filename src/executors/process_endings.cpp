// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How a ProcessPool ends tasks that run too long, and what it does when a worker dies.

#include "executors/process_pool.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>

#include <fmt/format.h>

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace coeval::detail {
namespace {

using namespace std::chrono_literals;

std::string how_it_ended(int exitcode) {
  if (exitcode >= 0) {
    return fmt::format("ended its process with exit code {}", exitcode);
  }
  const char* const name = sigabbrev_np(-exitcode);
  return fmt::format(
      "died of {}{}",
      name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", -exitcode),
      exitcode == -SIGKILL ? " (a kill -9, or the kernel was out of memory)" : "");
}

}  // namespace

// Begins to end tasks whose time is over, and goes on with those that do not end.
void ProcessPool::press_on_those_ending() noexcept {
  for (const Worker& worker : workers_) {
    if (worker->dead) {
      continue;
    }
    if (worker->task_deadline && worker->ending == ProcessWorker::Ending::no &&
        worker->task_deadline->expired()) {
      begin_timeout(*worker);
    }
    if (worker->ending_next && worker->ending_next->expired()) {
      press_on(*worker);
    }
  }
}

void ProcessPool::begin_timeout(ProcessWorker& worker) noexcept {
  ProcessTask* const task = worker.first_in_hand();
  if (task == nullptr) {
    return;  // it has ended a moment ago
  }
  if (!worker.has_begun(task->position)) {
    if (!worker.late) {
      worker.late = true;  // it was slow to wake
      worker.task_deadline =
          Deadline(std::max<std::chrono::nanoseconds>(task->own_cell().timeout(), 1s));
    } else if (worker.take_back(task->position)) {
      // It is stopped, or hostile; the task goes to another one.
      push(worker.take_cell(task->position), true);
      worker.task_deadline.reset();
      worker.retiring = true;
      worker.ending_step = ProcessWorker::step_kill;
      worker.ending_next = Deadline(0s);
    }
    return;
  }
  worker.ending = ProcessWorker::Ending::by_timeout;
  worker.ending_position = task->position;
  worker.ending_step =
      task->takes_stop_token ? ProcessWorker::step_ask : ProcessWorker::step_terminate;
  worker.ending_next = Deadline(0s);
}

void ProcessPool::press_on(ProcessWorker& worker) noexcept {
  const auto signal = [&worker](void (multiprocessing::Process::*send)() const) {
    try {
      (worker.process().*send)();
    } catch (const std::exception& error) {
      log(Severity::error, "coeval.executors", error.what());
    }
  };
  switch (worker.ending_step++) {
    case ProcessWorker::step_ask:
      worker.ask_to_stop(worker.ending_position);
      worker.ending_next = Deadline(options_.grace);
      break;
    case ProcessWorker::step_terminate:
      take_back_unstarted(worker);
      if (!worker.is_running(worker.ending_position)) {
        // It has just ended, and the signal would meet the next one. What it has brought is collected
        // soon; if not, the worker lies.
        worker.ending_next = Deadline(std::max<std::chrono::nanoseconds>(options_.grace, 1s));
        break;
      }
      worker.retiring = true;
      worker.terminated = true;
      signal(&multiprocessing::Process::terminate);
      worker.ending_next = Deadline(options_.grace);
      break;
    default:  // again and again, as the kernel may refuse
      worker.ending_step = ProcessWorker::step_kill;
      signal(&multiprocessing::Process::kill);
      worker.ending_next = Deadline(std::max<std::chrono::nanoseconds>(options_.grace, 100ms));
      break;
  }
}

// Others may run them.
void ProcessPool::take_back_unstarted(ProcessWorker& worker) noexcept {
  while (CellRef cell = worker.take_back_newest()) {
    push(std::move(cell), true);
  }
  if (worker.waiters != 0) {
    worker.wake_waiters();  // invariant 3
  }
}

// What waits is cancelled here, so that it is when this returns; what a death gives back later is
// cancelled by the manager.
void ProcessPool::terminate() {
  shutdown({.wait = false, .cancel_futures = true});
  if (forks() != forks_) {
    return;
  }
  const threading::Guard guard(lock_);
  terminated_ = true;
  stop_running();
  ring();
}

bool ProcessPool::is_terminated() const noexcept {
  const threading::Guard guard(lock_);
  return terminated_;
}

void ProcessPool::stop_running() noexcept {
  for (const Worker& worker : workers_) {
    const ProcessTask* const task = worker->running_task();
    if (task != nullptr && worker->ending == ProcessWorker::Ending::no) {
      worker->ending = ProcessWorker::Ending::by_stop;
      worker->ending_position = task->position;
      worker->ending_step =
          task->takes_stop_token ? ProcessWorker::step_ask : ProcessWorker::step_terminate;
      worker->ending_next = Deadline(0s);
    } else if (task == nullptr && !worker->is_set_up() && !worker->closing) {
      worker->retiring = true;
      worker->closing = true;
      worker->ending_step = ProcessWorker::step_kill;
      worker->ending_next = Deadline(0s);
    }
  }
}

void ProcessPool::bury(const Worker& worker) {
  {
    const threading::Guard guard(lock_);
    if (worker->collecting) {
      return;  // the collector rings when it is done
    }
    worker->collecting = true;
  }
  std::vector<Ended> ended;
  ended.reserve(slot_count);
  while (begin_last_collecting(*worker)) {
    worker->collect(ended);
    {
      const threading::Guard guard(lock_);
      book(*worker, ended);
    }
    finish(ended);
  }
  std::vector<ChunkTask*> chunks;
  {
    const threading::Guard guard(lock_);
    chunks = worker->begun_chunks();
  }
  for (ChunkTask* const chunk : chunks) {
    Ended& done = ended.emplace_back();
    done.task = chunk;
    try {
      worker->read_parts(*chunk, done);
    } catch (const std::exception& error) {
      log(Severity::error, "coeval.executors", error.what());
    }
  }
  worker->process().join();
  const int exitcode = worker->process().exitcode().value_or(0);
  const std::string stack = exitcode < 0 ? worker->crash_lines() : std::string();
  {
    const threading::Guard guard(lock_);
    std::erase(workers_, worker);
    cpu_ns_ += worker->cpu_ns();
    settle(*worker, exitcode, stack, ended);
    dispatch();
  }
  finish(ended);
  worker->wake_waiters();  // invariant 3
}

bool ProcessPool::begin_last_collecting(ProcessWorker& worker) noexcept {
  const threading::Guard guard(lock_);
  return worker.begin_collecting(slot_count);
}

// What becomes of the tasks that a dead worker had.
void ProcessPool::settle(ProcessWorker& worker, int exitcode, const std::string& stack,
                         std::vector<Ended>& ended) {
  for (const Ended& done : ended) {
    count(done);
  }
  ProcessWorker::Left left = worker.take_all_left();
  for (auto cell = left.untouched.rbegin(); cell != left.untouched.rend(); ++cell) {
    push(std::move(*cell), true);
  }
  for (auto victim = left.victims.rbegin(); victim != left.victims.rend(); ++victim) {
    auto& task = *static_cast<ProcessTask*>((*victim)->remote());
    if (task.chunk() != nullptr) {
      settle_chunk(worker, std::move(*victim), exitcode, stack, ended.emplace_back());
      continue;
    }
    ++task.deaths;
    const bool was_ended =
        worker.ending != ProcessWorker::Ending::no && worker.ending_position == task.position;
    if (!was_ended && task.deaths <= (*victim)->max_retries() && broken_ == nullptr) {
      push(std::move(*victim), true);
      continue;
    }
    task.place = ProcessTask::Place::nowhere;
    task.worker = nullptr;
    (*victim)->try_start();
    ++failed_;
    leave_bound();
    std::exception_ptr error = error_of(worker, task, **victim, was_ended, exitcode, stack);
    ended.push_back({.cell = std::move(*victim), .task = &task, .error = std::move(error)});
  }
  if (broken_ != nullptr) {
    fail_queued();
  } else if (left.victims.empty() && worker.finished == 0 && !worker.closing) {
    note_early_death(worker, exitcode, stack);
  }
}

// The element that ran has failed, those behind it go on.
void ProcessPool::settle_chunk(const ProcessWorker& worker, CellRef cell, int exitcode,
                               const std::string& stack, Ended& ended) {
  auto& chunk = static_cast<ChunkTask&>(*cell);
  chunk.place = ProcessTask::Place::nowhere;
  chunk.worker = nullptr;
  ended.task = &chunk;
  if (chunk.size() != 0) {
    ended.parts.reserve(1);
    CellRef element = chunk.take_first();
    const bool was_ended =
        worker.ending != ProcessWorker::Ending::no && worker.ending_position == chunk.position;
    element->try_settle();
    element->set_error(error_of(worker, chunk, *element, was_ended, exitcode, stack));
    ended.parts.push_back(std::move(element));
    ++failed_;
  }
  if (chunk.size() != 0) {
    push(std::move(cell), true);
    return;
  }
  ended.cell = std::move(cell);
  leave_bound();
}

// It would go on like this for ever.
void ProcessPool::note_early_death(const ProcessWorker& worker, int exitcode,
                                   const std::string& stack) {
  ++deaths_in_a_row_;
  if (deaths_in_a_row_ >= options_.max_restarts) {
    break_pool(fmt::format(
        "{} processes in a row ended before they ran a task; the last, worker {} (pid {}), {}{}{}",
        deaths_in_a_row_, worker.number(), worker.pid(), how_it_ended(exitcode),
        stack.empty() ? "" : "\n", stack));
  } else {
    start_again_ = Deadline(1ms * (1 << std::min(deaths_in_a_row_, 10)));
  }
}

std::exception_ptr ProcessPool::error_of(const ProcessWorker& worker, const ProcessTask& task,
                                         const Cell& cell, bool was_ended, int exitcode,
                                         const std::string& stack) const {
  if (was_ended && worker.ending == ProcessWorker::Ending::by_timeout) {
    return std::make_exception_ptr(TimeoutError(timeout_text(cell) + "; its process was ended"));
  }
  if (was_ended) {
    return std::make_exception_ptr(CancelledError(fmt::format(
        "{} of pool '{}' was stopped while it ran; its process was ended", cell.title(), name_)));
  }
  return std::make_exception_ptr(WorkerDied(
      fmt::format(
          "{} of pool '{}' {} in worker {} (pid {}){}; the pool goes on", cell.title(), name_,
          how_it_ended(exitcode), worker.number(), worker.pid(),
          task.deaths > 1 ? fmt::format("; {} processes have died of it", task.deaths) : ""),
      exitcode, worker.pid(), stack));
}

// Nothing runs any more; what waits is told why.
void ProcessPool::break_pool(const std::string& reason) {
  if (broken_ != nullptr) {
    return;
  }
  broken_ = std::make_exception_ptr(
      BrokenProcessPool(fmt::format("pool '{}' is broken: {}", name_, reason)));
  fail_queued();
  for (const Worker& worker : workers_) {
    while (CellRef cell = worker->take_back_newest()) {
      static_cast<ProcessTask*>(cell->remote())->place = ProcessTask::Place::queued;
      ++queued_;
      fail_later(std::move(cell));
    }
    worker->retiring = true;
  }
  room_.notify_all();
  ring();
}

void ProcessPool::fail_queued() {
  for (auto& [priority, level] : queue_) {
    for (CellRef& cell : level) {
      fail_later(std::move(cell));
    }
  }
  queue_.clear();
  ring();
}

void ProcessPool::fail_later(CellRef cell) {
  auto& task = *static_cast<ProcessTask*>(cell->remote());
  if (task.place == ProcessTask::Place::queued) {
    task.place = ProcessTask::Place::nowhere;
    --queued_;
    cell->try_start();  // nobody cancels it now
    failures_.push_back({.cell = std::move(cell), .task = &task, .error = broken_});
  }
}

}  // namespace coeval::detail
