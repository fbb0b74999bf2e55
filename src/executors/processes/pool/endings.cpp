// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a ProcessPool does when a worker dies.

#include "executors/common/left_at_exit.hpp"
#include "executors/processes/pool/early_death.hpp"
#include "executors/processes/pool/process_end.hpp"
#include "executors/processes/pool/process_pool.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>

#include <fmt/format.h>

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <utility>

namespace coeval::detail {
namespace {

using namespace std::chrono_literals;

}  // namespace

// What is said of a dead worker, and the futures that end with it. There is room for all of them.
struct ProcessPool::Burial {
  Burial() {
    ended.reserve(2 * std::size_t{slot_count});  // the parts of a chunk come apart from the chunk
    elements.reserve(slot_count);
    collected.reserve(slot_count);
  }

  int exitcode = 0;
  bool has_begun = false;         // the worker has come to its setup
  std::optional<bool> of_memory;  // see OomKills
  std::string stack;
  std::string notice;  // to log, when the lock is free
  std::vector<Ended> ended;
  std::vector<CellRef> elements;  // of chunks, that ran: settled
  std::vector<Ended> collected;   // what ended before the worker did
};

// Joins its process, which has ended, and finds out how.
void ProcessPool::tell_end(ProcessWorker& worker, Burial& burial) {
  worker.process().join();
  burial.exitcode = worker.process().exitcode().value_or(0);
  burial.has_begun = worker.has_begun(0);
  if (burial.exitcode == -SIGKILL) {
    burial.of_memory = oom_kills_.take_one();
  }
  try {
    burial.stack = burial.exitcode < 0 ? worker.crash_lines(-burial.exitcode) : std::string();
    if (worker.sick) {
      log(Severity::warning, "coeval.executors",
          fmt::format(
              "worker {} (pid {}) of pool '{}' was replaced: its last {} tasks all raised, as "
              "few of the others do",
              worker.number(), worker.pid(), name_, worker.errors_in_a_row));
    }
  } catch (const std::bad_alloc& error) {
    log(Severity::error, "coeval.executors", error.what());
  }
}

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
  if (begin_last_collecting(*worker)) {
    worker->collect(burial.collected);
    explain(*worker, burial.collected);
    const threading::Guard guard(lock_);
    book(*worker, burial.collected);
    worker->find_begun_chunks(chunks);
  } else {
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
  tell_end(*worker, burial);
  {
    const threading::Guard guard(lock_);
    std::erase(workers_, worker);
    cpu_ns_ += worker->cpu_ns();
    settle(*worker, burial);
    dispatch();
  }
  // Now that the worker is gone: a done callback may end the process, which waits for all workers.
  std::size_t next = 0;
  ResumedAtExit rest([&] {
    finish(burial.ended);
    while (next < burial.elements.size()) {
      burial.elements[next++]->finish();
    }
    worker->side().wake_waiters();  // invariant 3
  });
  finish(burial.collected);
  rest.go_on();
  if (!burial.notice.empty()) {
    log(Severity::warning, "coeval.executors", burial.notice);
  }
}

bool ProcessPool::begin_last_collecting(ProcessWorker& worker) noexcept {
  const threading::Guard guard(lock_);
  return worker.begin_collecting(slot_count);
}

// What becomes of the tasks that a dead worker had. Of a chunk that one had begun which is not trusted,
// nobody can tell which elements ran.
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
    if (task.chunk() != nullptr && worker.is_trusted()) {
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
    failed_ += task.size();
    leave_bound();
    Ended& ended = burial.ended.emplace_back();
    ended.error = error_of(worker, task, *victim, was_ended, burial);
    ended.began_ns = worker.began_ns(task.position);
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
void ProcessPool::note_early_death(const ProcessWorker& worker, Burial& burial) noexcept {
  const int deaths = ++deaths_in_a_row_;
  const bool is_refused = !burial.has_begun && is_refusal(burial.exitcode);
  const auto how = [&] {
    return fmt::format("worker {} (pid {}), {}{}{}", worker.number(), worker.pid(),
                       how_it_ended(burial.exitcode, burial.of_memory),
                       burial.stack.empty() ? "" : "\n", burial.stack);
  };
  if (is_refused || deaths >= options_.max_restarts) {
    break_pool([&] { return early_deaths_text(deaths, how(), burial.exitcode, is_refused); });
    return;
  }
  start_again_ = Deadline(1ms * (1 << std::min(deaths, 10)));
  try {
    // Of one that was killed from outside, whoever did it knows.
    const bool is_told = !burial.has_begun && burial.exitcode != -SIGKILL;
    burial.notice = is_told ? fmt::format("pool '{}': {}", name_, how()) : std::string();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory to say so
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
            worker.is_trusted() ? how_it_ended(burial.exitcode, burial.of_memory)
                                : "was ended, as an answer to another one did not fit,",
            worker.number(), worker.pid(),
            task.deaths > 1 ? fmt::format("; {} processes have died of it", task.deaths) : ""),
        burial.exitcode, worker.pid(), burial.stack);
  });
}

// Nothing runs any more; what waits is told why.
template <class Reason>
void ProcessPool::break_pool(Reason reason) noexcept {
  if (broken_ == nullptr) {
    break_with(error_or_bad_alloc([&] {
      return BrokenProcessPool(fmt::format("pool '{}' is broken: {}", name_, reason()));
    }));
  }
}

void ProcessPool::break_with(std::exception_ptr error) noexcept {
  if (broken_ == nullptr) {
    broken_ = std::move(error);
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

}  // namespace coeval::detail
