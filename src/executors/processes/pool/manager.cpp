// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The manager of a ProcessPool: the thread that starts workers, collects for those who do not wait,
// and sees to what process_pressing.cpp and process_endings.cpp do.

#include "executors/common/left_at_exit.hpp"
#include "executors/processes/pool/process_pool.hpp"

#include "core/blocked_signals.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace coeval::detail {
namespace {

using namespace std::chrono_literals;

// How long the manager sleeps at most when it is to be woken lazily.
constexpr auto lazy_sleep = 1ms;

// The same while there is a worker of which it hears nothing.
constexpr auto a_little = 10ms;

}  // namespace

void ProcessPool::start_manager() {
  const threading::Guard guard(lock_);
  threading::Thread thread({.name = name_ + "_manager"},
                           [pool = shared_from_this()] { pool->manage(); });
  const BlockedSignals blocked(BlockedSignals::For::own_threads);
  thread.start();
  manager_ = std::move(thread);
  managed_ = true;
}

void ProcessPool::manage() {
  bool lazy = true;
  bool has_failed = false;
  while (true) {
    try {
      if (!manage_once(lazy)) {
        return;
      }
      has_failed = false;
    } catch (const std::exception& error) {  // there is no memory: it is tried again
      if (!has_failed) {
        log(Severity::error, "coeval.executors", error.what());
      }
      has_failed = true;  // of many failures in a row the first is told
      bell_.wait_a_little();
    }
  }
}

// False when everything is done and everybody gone.
bool ProcessPool::manage_once(bool& lazy) {
  bell_.listen();
  std::vector<Worker> workers;
  {
    const threading::Guard guard(lock_);
    workers = workers_;
  }
  for (const Worker& worker : workers) {
    lazy = collect(*worker, 0) || lazy;
  }
  for (const Worker& worker : workers) {
    if (worker->dead) {
      bury(worker);
    }
  }
  if (is_terminated()) {
    drop_queued();
    const threading::Guard guard(lock_);
    stop_running();
  }
  start_workers();
  press_on();
  TaskList failures;
  Deadline until;
  {
    const threading::Guard guard(lock_);
    workers = workers_;  // what needs memory comes first
    if (balance_at_ && balance_at_->expired()) {
      balance(true);
    }
    if (look_at_ && look_at_->expired()) {
      end_silence();
    }
    dispatch();
    retire_idle();
    failures = take_failures();
    if (closed_ && failures.empty() && queued_ == 0 && workers_.empty()) {
      managed_ = false;
      ended_.notify_all();
      return false;
    }
    until = failures.empty() ? sleep_until() : Deadline(0s);
  }
  finish(std::move(failures));
  lazy = lazy && tasks_are_tiny();
  until = ask_for_wakes(workers, lazy, until);
  if (!sleep(workers, until)) {
    lazy = false;  // something long runs
  }
  return true;
}

// What the kernel has refused is told without the lock.
void ProcessPool::press_on() {
  std::exception_ptr refused;
  {
    const threading::Guard guard(lock_);
    press_on_those_ending();
    refused = std::exchange(refused_signal_, nullptr);
  }
  if (refused != nullptr) {
    log(Severity::error, "coeval.executors", describe(refused));
  }
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

// The tasks that could not be handed over, counted.
TaskList ProcessPool::take_failures() noexcept {
  TaskList counted;
  while (CellRef cell = failures_.pop_front()) {
    failed_ += task_of(*cell).size();
    leave_bound();
    counted.push_back(std::move(cell));
  }
  return counted;
}

void ProcessPool::finish(TaskList failures) noexcept {
  ResumedAtExit all([&] {
    while (CellRef cell = failures.pop_front()) {
      Ended failure;
      failure.task = &task_of(*cell);
      failure.cell = std::move(cell);
      failure.error = std::move(failure.task->failure);
      finish(failure);
    }
  });
  all.go_on();
}

// Has the workers wake the manager: until when it may sleep then.
Deadline ProcessPool::ask_for_wakes(const std::vector<Worker>& workers, bool lazy, Deadline until) {
  bool busy = false;
  for (const Worker& worker : workers) {
    // One that sleeps may be given a short task and then a long one while the manager sleeps.
    if (lazy && !worker->is_asleep()) {
      worker->side().want(by_manager | lazily);
      busy = true;
    } else {
      worker->side().want_at_once(by_manager);
    }
    if (worker->has_ended_tasks() && !is_collected(*worker)) {
      until = Deadline(0s);
    }
  }
  if (lazy && busy) {
    until = std::min(until, Deadline(lazy_sleep));
  }
  return until;
}

// Another thread collects from it, or it waits to be buried.
bool ProcessPool::is_collected(const ProcessWorker& worker) const noexcept {
  const threading::Guard guard(lock_);
  return worker.collecting || worker.dead;
}

Deadline ProcessPool::sleep_until() const noexcept {
  Deadline until = never;
  const auto consider = [&until](const std::optional<Deadline>& when) {
    if (when) {
      until = std::min(until, *when);
    }
  };
  for (const Worker& worker : workers_) {
    consider(worker->task_deadline && worker->ending == ProcessWorker::Ending::no
                 ? worker->task_deadline
                 : std::nullopt);
    consider(worker->ending_next);
  }
  consider(balance_at_);
  consider(look_at_);
  if (wants_worker()) {
    consider(start_again_ ? start_again_ : std::optional(Deadline(0s)));
  }
  return until;
}

// Until the bell, a worker's packet or end, or the deadline: whether anything happened.
bool ProcessPool::sleep(const std::vector<Worker>& workers, Deadline until) {
  std::vector<pollfd> watched;
  watched.reserve(1 + 2 * workers.size());
  watched.push_back(bell_.watched());
  for (const Worker& worker : workers) {
    watched.push_back({.fd = worker->process().sentinel(), .events = POLLIN, .revents = 0});
    // Of one that is closed there is no end of news, nor of one from which nothing can be taken now.
    const bool is_quiet = worker->deaf || worker->has_untaken_packets() || !worker->is_trusted();
    watched.push_back(
        {.fd = is_quiet ? -1 : worker->socket().get(), .events = POLLIN, .revents = 0});
    if (worker->deaf || worker->has_untaken_packets()) {
      until = std::min(until, Deadline(a_little));  // what it brings is not told
    }
  }
  const int ready =
      sys().descriptor.poll(watched.data(), watched.size(), bell_.latest(until.nanoseconds()));
  if (ready < 0) {
    // No memory, or more descriptors than RLIMIT_NOFILE allows: everybody is looked at a bit later.
    bell_.wait_a_little();
    bell_.hear();
    for (const Worker& worker : workers) {
      if (!worker->process().is_alive()) {
        const threading::Guard guard(lock_);
        worker->dead = true;
      }
    }
    return true;
  }
  if (watched[0].revents != 0) {
    bell_.hear();
  }
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if (watched[1 + 2 * i].revents != 0) {
      const threading::Guard guard(lock_);
      workers[i]->dead = true;
    } else if (watched[2 + 2 * i].revents != 0 || workers[i]->has_untaken_packets()) {
      receive_from(*workers[i]);
    }
  }
  return ready > 0;
}

// A worker that closes its socket ends, has become another program, or runs a task that closed what
// is not its own. That task goes on; whatever comes of it, nothing more is sent there. One that the
// kernel does not let this process hear goes on, too, and is looked at now and then: another in its
// place would be no better. It is told at once that nobody takes what it sends, or it would wait for
// room.
void ProcessPool::receive_from(ProcessWorker& worker) {
  {
    const threading::Guard guard(lock_);
    if (worker.collecting) {
      return;  // the collector reads it
    }
    worker.collecting = true;
  }
  const WorkerPackets::News news = worker.receive_packets();
  const threading::Guard guard(lock_);
  worker.collecting = false;
  if (news == WorkerPackets::News::nonsense) {
    distrust(worker);
    dispatch();
  } else if (news == WorkerPackets::News::refused) {
    worker.deaf = true;
    sys().descriptor.shutdown(worker.socket().get(), SHUT_RD);
  } else if (news == WorkerPackets::News::closed) {
    worker.deaf = true;
    worker.retiring = true;
    take_back_unstarted(worker);
    dispatch();
  }
}

void ProcessPool::start_workers() {
  while (true) {
    std::size_t number = 0;
    {
      const threading::Guard guard(lock_);
      if (!wants_worker() || (start_again_ && !start_again_->expired())) {
        return;
      }
      start_again_.reset();
      number = made_++;
    }
    try {
      auto worker = std::make_shared<ProcessWorker>(number, setup_, buffers_);
      worker->start(name_);
      const threading::Guard guard(lock_);
      if (usable_cpu_count() > 1 &&
          std::ranges::none_of(workers_, [](const Worker& one) { return one->spins(); })) {
        worker->let_spin();
      }
      workers_.push_back(std::move(worker));
      dispatch();
    } catch (...) {
      cannot_start(std::current_exception());
      return;
    }
  }
}

// The workers there are will do, and it is tried again. Without any, those who wait are told.
void ProcessPool::cannot_start(const std::exception_ptr& error) noexcept {
  const threading::Guard guard(lock_);
  start_again_ = Deadline(100ms);
  if (workers_.empty()) {
    fail_queued(error);
  }
}

// Those that have nothing to do, and get nothing more.
void ProcessPool::retire_idle() noexcept {
  for (const Worker& worker : workers_) {
    if (worker->in_hand() == 0 && !worker->dead && !worker->closing &&
        (worker->retiring || (closed_ && queued_ == 0))) {
      worker->retiring = true;
      worker->closing = true;
      worker->close();
      if (!worker->ending_next) {  // one that does not go by itself is made to
        worker->ending_step = ProcessWorker::step_terminate;
        worker->ending_next = Deadline(5 * options_.grace);
      }
    }
  }
}

}  // namespace coeval::detail
