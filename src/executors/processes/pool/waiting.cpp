// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What the futures of a ProcessPool's tasks ask of it: to cancel, to stop, to wait.

#include "executors/processes/pool/process_pool.hpp"

#include <coeval/futures/detail/cell.hpp>

#include <algorithm>
#include <chrono>
#include <new>

namespace coeval::detail {
namespace {

// How long who waits lazily sleeps at most.
constexpr auto a_moment = std::chrono::microseconds(200);

}  // namespace

bool ProcessPool::withdraw(ProcessTask& task) noexcept {
  const threading::Guard guard(lock_);
  switch (task.place) {
    case ProcessTask::Place::nowhere:
      return true;
    case ProcessTask::Place::queued:
      --queued_;  // dispatch() passes it by: invariant 1
      break;
    case ProcessTask::Place::posted:
      if (!task.worker->take_back(task.position)) {
        task.own_cell().try_start();  // it has begun
        return false;
      }
      task.worker->take_cell(task.position);  // the caller of cancel() has another reference
      break;
  }
  task.place = ProcessTask::Place::nowhere;
  cancelled_ += task.size();
  leave_bound();
  return true;
}

bool ProcessPool::withdraw_part(ChunkTask& chunk, std::uint32_t element) noexcept {
  CellRef rest;
  {
    const threading::Guard guard(lock_);
    rest =
        chunk.place == ProcessTask::Place::posted && element > chunk.worker->running_element(chunk)
            ? cut(chunk)
            : CellRef();
    if (!rest) {
      return false;
    }
    auto& task = static_cast<ChunkTask&>(*rest);
    if (element < task.first()) {  // it began meanwhile
      give_back(std::move(rest));
      dispatch();
      return false;
    }
    cancelled_ += task.size();
  }
  return rest->cancel();
}

void ProcessPool::note_start(ProcessTask& task) noexcept {
  const threading::Guard guard(lock_);
  if (task.place == ProcessTask::Place::posted && task.worker->has_begun(task.position)) {
    task.own_cell().try_start();
  }
}

// Invariant 3.
void ProcessPool::was_cancelled(ProcessTask& task) noexcept {
  const State state = task.own_cell().state();
  if (state != State::cancelled && state != State::cancelled_and_notified) {
    return;
  }
  const threading::Guard guard(lock_);
  for (const Worker& worker : workers_) {
    if (worker->waiters != 0) {
      worker->side().wake_waiters();
    }
  }
}

void ProcessPool::ask_to_stop(ProcessTask& task, bool may_kill) noexcept {
  const threading::Guard guard(lock_);
  if (task.place != ProcessTask::Place::posted) {
    return;
  }
  ProcessWorker& worker = *task.worker;
  if (task.takes_stop_token) {
    worker.ask_to_stop(task.position);
  } else if (may_kill && worker.ending == ProcessWorker::Ending::no &&
             worker.has_begun(task.position)) {
    worker.ending = ProcessWorker::Ending::by_stop;
    worker.ending_position = task.position;
    worker.ending_step = ProcessWorker::step_terminate;
    worker.ending_next = Deadline(std::chrono::seconds(0));
    ring();
  }
}

// Sleeps at the task's worker, and collects what ends there, its own task or others.
void ProcessPool::help_along(ProcessTask& task, Deadline deadline) {
  Cell& cell = task.own_cell();
  while (!cell.done() && !deadline.expired()) {
    Worker worker;
    {
      const threading::Guard guard(lock_);
      if (task.place != ProcessTask::Place::posted || forks() != forks_) {
        return;
      }
      const auto found = std::ranges::find(workers_, task.worker, &Worker::get);
      if (found == workers_.end()) {
        return;
      }
      worker = *found;
      ++worker->waiters;
    }
    try {
      wait_at(*worker, task, deadline);
    } catch (const std::bad_alloc&) {  // the manager collects
      stop_waiting(*worker);
      ring();
      return;
    }
    stop_waiting(*worker);
  }
}

void ProcessPool::stop_waiting(ProcessWorker& worker) noexcept {
  const threading::Guard guard(lock_);
  if (--worker.waiters != 0) {
    worker.side().want_at_once(by_waiter);
    if (worker.has_ended_tasks()) {
      worker.side().wake_waiters();
    }
  } else {
    worker.side().forget_wanted(by_waiter);
    worker.side().want_at_once(by_manager);
    if (worker.has_ended_tasks()) {
      ring();
    }
  }
}

void ProcessPool::wait_at(ProcessWorker& worker, ProcessTask& task, Deadline deadline) {
  Cell& cell = task.own_cell();
  bool lazy = true;
  while (!deadline.expired()) {
    const std::uint32_t event = worker.side().event();
    lazy = lazy && tasks_are_tiny();
    if (lazy) {
      worker.side().want(by_waiter | lazily);
    } else {
      worker.side().want_at_once(by_waiter);
    }
    if (collect(worker, 1)) {
      lazy = true;
    }
    if (cell.done()) {
      return;
    }
    {
      const threading::Guard guard(lock_);
      if (task.place != ProcessTask::Place::posted || task.worker != &worker) {
        return;
      }
    }
    if (!worker.side().wait_for_event(event,
                                      lazy ? std::min(deadline, Deadline(a_moment)) : deadline)) {
      lazy = false;  // something long runs there
    }
    if (cell.done()) {
      return;
    }
  }
}

ProcessTask::~ProcessTask() = default;

bool ProcessTask::withdraw() noexcept {
  return pool == nullptr || pool->withdraw(*this);
}

void ProcessTask::note_start() noexcept {
  if (pool != nullptr) {
    pool->note_start(*this);
  }
}

void ProcessTask::help_along(Deadline deadline) {
  if (pool != nullptr) {
    pool->help_along(*this, deadline);
  }
}

void ProcessTask::ask_to_stop(bool may_kill) noexcept {
  if (pool != nullptr) {
    pool->ask_to_stop(*this, may_kill);
  }
}

void ProcessTask::dropped() noexcept {
  payload.clear();
  if (pool != nullptr) {
    pool->was_cancelled(*this);
  }
}

}  // namespace coeval::detail
