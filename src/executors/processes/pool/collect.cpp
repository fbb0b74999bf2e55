// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How the results of a ProcessPool come back.

#include "executors/common/left_at_exit.hpp"
#include "executors/processes/exchange/codes.hpp"
#include "executors/processes/pool/process_pool.hpp"
#include "executors/processes/pool/task_times.hpp"
#include "multiprocessing/channels/closer.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace coeval::detail {
namespace {

constexpr std::uint32_t most_collected = 64;

bool has_future(Cell& cell) noexcept {
  cell.add_handle();
  const bool is_ours_alone = cell.single_handle();
  cell.drop_handle();  // not the last reference: the caller has one
  return !is_ours_alone;
}

}  // namespace

// Collects until nothing has ended: whether anything had. Of the threads that wait at the worker,
// own are the caller.
bool ProcessPool::collect(ProcessWorker& worker, std::uint32_t own) {
  bool any = false;
  if (!worker.has_ended_tasks()) {
    return false;
  }
  std::vector<Ended> ended;
  ended.reserve(most_collected);
  while (true) {
    {
      const threading::Guard guard(lock_);
      if (worker.collecting || worker.dead || !worker.begin_collecting(most_collected)) {
        return any;
      }
      worker.collecting = true;
    }
    worker.collect(ended);
    explain(worker, ended);
    {
      const threading::Guard guard(lock_);
      book(worker, ended);
      worker.collecting = false;
      if (worker.dead) {
        ring();  // it waits to be buried
      }
      dispatch();
    }
    finish(ended);
    any = true;
    const threading::Guard guard(lock_);
    if (worker.waiters > own) {
      worker.side().wake_waiters();  // invariant 3
    }
  }
}

// Without the lock, as what an exception says of itself may be the program's code, and so may its end.
void ProcessPool::explain(const ProcessWorker& worker, std::vector<Ended>& ended) const noexcept {
  for (Ended& one : ended) {
    if (one.task != nullptr && one.is_nonsense) {
      one.error = error_or_bad_alloc([&] {
        return PickleError(fmt::format(
            "the answer to {} of pool '{}' does not fit, so its worker {} (pid {}) is ended: {}",
            one.cell->title(), name_, worker.number(), worker.pid(), describe(one.error)));
      });
    } else if (one.task == nullptr && one.error != nullptr) {
      one.error = error_or_bad_alloc([&] {
        const std::string stack = error_stack(one.error);
        return BrokenProcessPool(fmt::format("pool '{}' is broken: its initializer raised {}{}{}",
                                             name_, describe(one.error), stack.empty() ? "" : "\n",
                                             stack));
      });
    }
  }
}

// Before the futures are done: who sees one done sees it counted.
void ProcessPool::book(ProcessWorker& worker, std::vector<Ended>& ended) noexcept {
  for (Ended& one : ended) {
    if (one.task == nullptr) {
      if (one.is_nonsense) {
        distrust(worker);  // that is not what the initializer has raised
      } else if (one.error != nullptr) {
        break_with(one.error);
      }
      continue;
    }
    const bool was_in_time = judge(worker, one);
    one.task->place = ProcessTask::Place::nowhere;
    one.task->worker = nullptr;
    worker.has_learned(*one.task);
    ++worker.finished;
    deaths_in_a_row_ = 0;
    busy_ns_ += one.wall_ns;
    note_duration(one.wall_ns /
                  static_cast<std::int64_t>(std::max<std::size_t>(one.parts.size(), 1)));
    note_health(worker, one);
    if (was_in_time && runs_again(one)) {
      give_back(std::move(one.cell));
      continue;
    }
    const bool is_cut_short = one.task->chunk() != nullptr && one.task->size() != 0;
    if (is_cut_short && one.error == nullptr && broken_ == nullptr) {
      count(one);
      give_back(std::move(one.cell));
      continue;
    }
    if (is_cut_short && one.error == nullptr) {
      one.error = broken_;
    }
    count(one);
    leave_bound();
    if (one.is_nonsense) {
      distrust(worker);
    }
  }
  worker.slow = false;  // what ran has ended, or was taken back before it began
  worker.free_collected();
  set_pace();
  if (closed_ || worker.retiring) {
    ring();  // the worker may have nothing more to do
  }
}

// A worker that is no good any more gets nothing more, and what it has not begun is for others.
void ProcessPool::note_health(ProcessWorker& worker, const Ended& ended) noexcept {
  const std::size_t single = ended.task->chunk() == nullptr ? 1 : 0;
  const std::size_t raised = ended.raised + (ended.error != nullptr ? single : 0);
  suspicion_.note(worker.errors_in_a_row, ended.parts.size() + single - raised, raised);
  const bool is_sick = suspicion_.is_sick(worker.errors_in_a_row);
  if (!worker.retiring && (is_sick || ended.spent != Spent::no)) {
    worker.sick = is_sick;
    worker.retiring = true;
    take_back_unstarted(worker);
    ring();
  }
}

// A task that met the end of a process's memory, and may be begun anew in another one.
bool ProcessPool::runs_again(const Ended& ended) noexcept {
  return ended.spent == Spent::out_of_memory && ended.error != nullptr && !ended.is_nonsense &&
         ended.task->chunk() == nullptr && broken_ == nullptr &&
         ++ended.task->deaths <= ended.cell->max_retries();
}

// A worker whose answer does not fit is ended, and nothing that it answers afterwards is believed.
void ProcessPool::distrust(ProcessWorker& worker) noexcept {
  worker.distrust();
  kill_soon(worker);
  take_back_unstarted(worker);
}

void ProcessPool::count(const Ended& ended) noexcept {
  completed_ += ended.parts.size() - ended.raised;
  failed_ += ended.raised;
  if (ended.task->chunk() == nullptr) {
    ++(ended.error == nullptr ? completed_ : failed_);
  } else if (ended.error != nullptr) {
    failed_ += ended.task->size();
  }
}

// False for a task that has ended after its time was over, however it did.
bool ProcessPool::judge(ProcessWorker& worker, Ended& ended) const noexcept {
  worker.task_deadline.reset();
  if (worker.ending == ProcessWorker::Ending::no || worker.ending_position != ended.position) {
    return true;
  }
  if (worker.ending == ProcessWorker::Ending::by_timeout) {
    ended.replaced = std::exchange(
        ended.error, error_or_bad_alloc([&] { return TimeoutError(timeout_text(*ended.cell)); }));
  }
  if (!worker.terminated) {
    worker.ending = ProcessWorker::Ending::no;  // it was only asked, and lives on
    worker.ending_next.reset();
  }
  return false;
}

std::string ProcessPool::timeout_text(const Cell& cell) const {
  return fmt::format("{} of pool '{}' did not end within its timeout of {} ms", cell.title(), name_,
                     static_cast<double>(cell.timeout().count()) / 1e6);
}

void ProcessPool::finish(std::vector<Ended>& ended) noexcept {
  std::size_t next = 0;
  ResumedAtExit all([&] {
    for (; next < ended.size(); ++next) {
      finish(ended[next]);
    }
  });
  all.go_on();
  ended.clear();
}

// A call that was interrupted for ever can be made again. A socket that nobody wants does not linger:
// children that are forked at this moment have copies, and the last close would hold up their start.
void ProcessPool::finish(Ended& ended) noexcept {
  using multiprocessing::detail::Closing;
  const bool is_wanted =
      ended.sockets.empty() || (ended.cell && has_future(*ended.cell)) ||
      std::ranges::any_of(ended.parts, [](const CellRef& part) { return has_future(*part); });
  while (ended.finished_parts < ended.parts.size()) {
    ended.parts[ended.finished_parts++]->finish();
  }
  if (const CellRef cell = std::move(ended.cell)) {
    finish_cell(*cell, ended);
  }
  multiprocessing::detail::close_elsewhere(std::move(ended.sockets),
                                           is_wanted ? Closing::as_it_is : Closing::at_once);
}

void ProcessPool::finish_cell(Cell& cell, Ended& ended) noexcept {
  if (is_observed()) [[unlikely]] {
    const TaskTimes times = TaskTimes::of(ended.task->handed_over_ns, ended.began_ns, ended.wall_ns,
                                          sys().monotonic_ns());
    observe({.event = TaskEvent::start,
             .task = &cell,
             .name = cell.name(),
             .executor = name_,
             .time = time_point(times.began)});
    observe({.event = ended.error == nullptr ? TaskEvent::finish : TaskEvent::fail,
             .task = &cell,
             .name = cell.name(),
             .executor = name_,
             .time = time_point(times.ended)});
  }
  ended.task->payload.clear();
  if (ended.error != nullptr) {
    cell.fail(std::move(ended.error));
  } else {
    cell.finish();
  }
}

void ProcessPool::call_here(ProcessTask& task) {
  // As in a worker, what is viewed begins at a cache line.
  const std::span<const std::byte> bytes = task.payload.bytes();
  std::vector<std::byte> memory(bytes.size() + view_alignment);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  std::byte* const place =
      memory.data() + (view_alignment - begin % view_alignment) % view_alignment;
  if (!bytes.empty()) {
    std::memcpy(place, bytes.data(), bytes.size());
  }
  std::vector<FileDescriptor> descriptors;
  for (const FileDescriptor& descriptor : task.payload.descriptors()) {
    descriptors.push_back(descriptor.duplicate());
  }
  const std::span<const std::byte> copy(place, bytes.size());
  pickle::InputArchive arguments =
      descriptors.empty() ? pickle::InputArchive(copy) : pickle::InputArchive(copy, descriptors);
  auto result = pickle::OutputArchive::with_descriptors();
  const OwnCodes own;
  task.entry(arguments, result, std::stop_token());
  pickle::Parcel parcel = result.take();
  pickle::InputArchive answer = parcel.descriptors.empty()
                                    ? pickle::InputArchive(parcel.bytes)
                                    : pickle::InputArchive(parcel.bytes, parcel.descriptors);
  task.read_result(answer);
}

}  // namespace coeval::detail
