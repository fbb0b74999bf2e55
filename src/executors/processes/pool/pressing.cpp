// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How a ProcessPool ends tasks that run too long, or are to stop, and the workers that run them.

#include "executors/processes/pool/process_pool.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace coeval::detail {
namespace {

using namespace std::chrono_literals;

constexpr int most_doublings_of_a_pause = 6;

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
  // What the kernel refuses it may refuse for ever: the first of its refusals is told, and they are
  // asked for ever less often.
  const auto signal = [&](void (multiprocessing::Process::*send)() const) {
    try {
      (worker.process().*send)();
      worker.refused_signals = 0;
    } catch (const std::exception&) {
      if (++worker.refused_signals == 1) {
        refused_signal_ = std::current_exception();  // told by press_on() without the lock
      }
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
      worker.side().announce_end();
      signal(&multiprocessing::Process::terminate);
      worker.ending_next = Deadline(options_.grace);
      break;
    default:  // again and again, as the kernel may refuse
      worker.ending_step = ProcessWorker::step_kill;
      signal(&multiprocessing::Process::kill);
      worker.ending_next =
          Deadline(std::max<std::chrono::nanoseconds>(options_.grace, 100ms) *
                   (1 << std::min(worker.refused_signals, most_doublings_of_a_pause)));
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

}  // namespace coeval::detail
