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
#include <new>
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
      give_back(worker.take_cell(task->position));
      kill_soon(worker);
    }
    return;
  }
  worker.ending = ProcessWorker::Ending::by_timeout;
  worker.ending_position = task->position;
  worker.ending_step =
      task->takes_stop_token ? ProcessWorker::step_ask : ProcessWorker::step_terminate;
  worker.ending_next = Deadline(0s);
}

// Of no use any more. The manager does it.
void ProcessPool::kill_soon(ProcessWorker& worker) noexcept {
  worker.retiring = true;
  worker.ending_step = ProcessWorker::step_kill;
  worker.ending_next = Deadline(0s);
  ring();
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
    give_back(std::move(cell));
  }
  if (worker.waiters != 0) {
    worker.side().wake_waiters();  // invariant 3
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
      worker->closing = true;
      kill_soon(*worker);
    }
  }
}

// What is said of a dead worker, and the futures that end with it. There is room for all of them.
struct ProcessPool::Burial {
  Burial() {
    ended.reserve(2 * std::size_t{slot_count});  // the parts of a chunk come apart from the chunk
    elements.reserve(slot_count);
  }

  int exitcode = 0;
  std::string stack;
  std::vector<Ended> ended;
  std::vector<CellRef> elements;  // of chunks, that ran: settled
};

void ProcessPool::bury(const Worker& worker) {
  Burial burial;
  std::vector<ChunkTask*> chunks;
  chunks.reserve(slot_count);
  {
    const threading::Guard guard(lock_);
    if (worker->collecting) {
      return;  // the collector rings when it is done
    }
    worker->collecting = true;
  }
  while (begin_last_collecting(*worker)) {
    worker->collect(burial.ended);
    {
      const threading::Guard guard(lock_);
      book(*worker, burial.ended);
    }
    finish(burial.ended);
  }
  {
    const threading::Guard guard(lock_);
    worker->find_begun_chunks(chunks);
  }
  for (ChunkTask* const chunk : chunks) {
    Ended& done = burial.ended.emplace_back();
    done.task = chunk;
    try {
      worker->read_parts(*chunk, done);
    } catch (const std::exception& error) {
      log(Severity::error, "coeval.executors", error.what());
    }
  }
  worker->process().join();
  burial.exitcode = worker->process().exitcode().value_or(0);
  try {
    burial.stack = burial.exitcode < 0 ? worker->crash_lines() : std::string();
  } catch (const std::bad_alloc& error) {
    log(Severity::error, "coeval.executors", error.what());
  }
  {
    const threading::Guard guard(lock_);
    std::erase(workers_, worker);
    cpu_ns_ += worker->cpu_ns();
    settle(*worker, burial);
    dispatch();
  }
  finish(burial.ended);
  for (const CellRef& element : burial.elements) {
    element->finish();
  }
  worker->side().wake_waiters();  // invariant 3
}

bool ProcessPool::begin_last_collecting(ProcessWorker& worker) noexcept {
  const threading::Guard guard(lock_);
  return worker.begin_collecting(slot_count);
}

// What becomes of the tasks that a dead worker had.
void ProcessPool::settle(ProcessWorker& worker, Burial& burial) noexcept {
  for (const Ended& done : burial.ended) {
    count(done);
  }
  ProcessWorker::Left left = worker.take_all_left();
  while (CellRef cell = left.untouched.pop_front()) {
    give_back(std::move(cell));
  }
  const bool is_early = left.victims.empty() && worker.finished == 0 && !worker.closing;
  while (CellRef victim = left.victims.pop_front()) {
    ProcessTask& task = task_of(*victim);
    if (task.chunk() != nullptr) {
      settle_chunk(worker, std::move(victim), burial);
      continue;
    }
    ++task.deaths;
    const bool was_ended =
        worker.ending != ProcessWorker::Ending::no && worker.ending_position == task.position;
    if (!was_ended && task.deaths <= victim->max_retries() && broken_ == nullptr) {
      give_back(std::move(victim));
      continue;
    }
    task.place = ProcessTask::Place::nowhere;
    task.worker = nullptr;
    victim->try_start();
    ++failed_;
    leave_bound();
    Ended& ended = burial.ended.emplace_back();
    ended.error = error_of(worker, task, *victim, was_ended, burial);
    ended.cell = std::move(victim);
    ended.task = &task;
  }
  if (broken_ != nullptr) {
    fail_queued(broken_);
  } else if (is_early) {
    note_early_death(worker, burial);
  }
}

// The element that ran has failed, those behind it go on.
void ProcessPool::settle_chunk(const ProcessWorker& worker, CellRef cell, Burial& burial) noexcept {
  auto& chunk = static_cast<ChunkTask&>(*cell);
  chunk.place = ProcessTask::Place::nowhere;
  chunk.worker = nullptr;
  if (chunk.size() != 0) {
    CellRef element = chunk.take_first();
    const bool was_ended =
        worker.ending != ProcessWorker::Ending::no && worker.ending_position == chunk.position;
    element->try_settle();
    element->set_error(error_of(worker, chunk, *element, was_ended, burial));
    burial.elements.push_back(std::move(element));  // has the room
    ++failed_;
  }
  if (chunk.size() != 0) {
    give_back(std::move(cell));
    return;
  }
  Ended& ended = burial.ended.emplace_back();
  ended.task = &chunk;
  ended.cell = std::move(cell);
  leave_bound();
}

// It would go on like this for ever.
void ProcessPool::note_early_death(const ProcessWorker& worker, const Burial& burial) noexcept {
  const int deaths = ++deaths_in_a_row_;
  if (deaths >= options_.max_restarts) {
    break_pool([&] {
      return fmt::format(
          "{} processes in a row ended before they ran a task; the last, worker {} (pid {}), "
          "{}{}{}",
          deaths, worker.number(), worker.pid(), how_it_ended(burial.exitcode),
          burial.stack.empty() ? "" : "\n", burial.stack);
    });
  } else {
    start_again_ = Deadline(1ms * (1 << std::min(deaths, 10)));
  }
}

std::exception_ptr ProcessPool::error_of(const ProcessWorker& worker, const ProcessTask& task,
                                         const Cell& cell, bool was_ended,
                                         const Burial& burial) const noexcept {
  if (was_ended && worker.ending == ProcessWorker::Ending::by_timeout) {
    return error_or_bad_alloc(
        [&] { return TimeoutError(timeout_text(cell) + "; its process was ended"); });
  }
  if (was_ended) {
    return error_or_bad_alloc([&] {
      return CancelledError(fmt::format(
          "{} of pool '{}' was stopped while it ran; its process was ended", cell.title(), name_));
    });
  }
  return error_or_bad_alloc([&] {
    return WorkerDied(
        fmt::format(
            "{} of pool '{}' {} in worker {} (pid {}){}; the pool goes on", cell.title(), name_,
            how_it_ended(burial.exitcode), worker.number(), worker.pid(),
            task.deaths > 1 ? fmt::format("; {} processes have died of it", task.deaths) : ""),
        burial.exitcode, worker.pid(), burial.stack);
  });
}

void ProcessPool::initializer_raised(const std::exception_ptr& error) noexcept {
  break_pool([&] { return fmt::format("its initializer raised {}", describe(error)); });
}

// Nothing runs any more; what waits is told why.
template <class Reason>
void ProcessPool::break_pool(Reason reason) noexcept {
  if (broken_ == nullptr) {
    broken_ = error_or_bad_alloc(
        [&] { return BrokenProcessPool(fmt::format("pool '{}' is broken: {}", name_, reason())); });
    fail_all();
  }
}

void ProcessPool::fail_all() noexcept {
  fail_queued(broken_);
  for (const Worker& worker : workers_) {
    while (CellRef cell = worker->take_back_newest()) {
      task_of(*cell).place = ProcessTask::Place::queued;
      ++queued_;
      fail_later(std::move(cell), broken_);
    }
    worker->retiring = true;
  }
  room_.notify_all();
  ring();
}

void ProcessPool::fail_queued(const std::exception_ptr& error) noexcept {
  for (auto& [priority, level] : queue_) {
    while (CellRef cell = level.pop_front()) {
      fail_later(std::move(cell), error);
    }
  }
  ring();
}

void ProcessPool::fail_later(CellRef cell, const std::exception_ptr& error) noexcept {
  ProcessTask& task = task_of(*cell);
  if (task.place == ProcessTask::Place::queued) {
    task.place = ProcessTask::Place::nowhere;
    --queued_;
    cell->try_start();  // nobody cancels it now
    task.failure = error;
    failures_.push_back(std::move(cell));
  }
}

}  // namespace coeval::detail
