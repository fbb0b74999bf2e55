// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How the results of a ProcessPool come back.

#include "executors/process_codes.hpp"
#include "executors/process_pool.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace coeval::detail {
namespace {

constexpr std::uint32_t most_collected = 64;

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

// Before the futures are done: who sees one done sees it counted.
void ProcessPool::book(ProcessWorker& worker, std::vector<Ended>& ended) noexcept {
  for (Ended& one : ended) {
    if (one.task == nullptr) {
      if (one.is_nonsense) {
        kill_soon(worker);  // that is not what the initializer has raised
      } else if (one.error != nullptr) {
        initializer_raised(one.error);
      }
      continue;
    }
    judge(worker, one);
    one.task->place = ProcessTask::Place::nowhere;
    one.task->worker = nullptr;
    worker.has_learned(*one.task);
    ++worker.finished;
    deaths_in_a_row_ = 0;
    busy_ns_ += one.wall_ns;
    note_duration(one.wall_ns /
                  static_cast<std::int64_t>(std::max<std::size_t>(one.parts.size(), 1)));
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
  }
  worker.slow = false;  // what ran has ended, or was taken back before it began
  worker.free_collected();
  set_pace();
  if (closed_ || worker.retiring) {
    ring();  // the worker may have nothing more to do
  }
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

// A task that has ended after its time was over, however it did.
void ProcessPool::judge(ProcessWorker& worker, Ended& ended) const noexcept {
  worker.task_deadline.reset();
  if (worker.ending == ProcessWorker::Ending::no || worker.ending_position != ended.position) {
    return;
  }
  if (worker.ending == ProcessWorker::Ending::by_timeout) {
    ended.error = error_or_bad_alloc([&] { return TimeoutError(timeout_text(*ended.cell)); });
  }
  if (!worker.terminated) {
    worker.ending = ProcessWorker::Ending::no;  // it was only asked, and lives on
    worker.ending_next.reset();
  }
}

std::string ProcessPool::timeout_text(const Cell& cell) const {
  return fmt::format("{} of pool '{}' did not end within its timeout of {} ms", cell.title(), name_,
                     static_cast<double>(cell.timeout().count()) / 1e6);
}

void ProcessPool::finish(std::vector<Ended>& ended) noexcept {
  for (Ended& one : ended) {
    finish(one);
  }
  ended.clear();
}

void ProcessPool::finish(Ended& ended) noexcept {
  for (const CellRef& part : ended.parts) {
    part->finish();
  }
  ended.parts.clear();
  if (!ended.cell) {
    return;
  }
  Cell& cell = *ended.cell;
  if (is_observed()) [[unlikely]] {
    observe({.event = TaskEvent::start, .task = &cell, .name = cell.name(), .executor = name_});
    observe({.event = ended.error == nullptr ? TaskEvent::finish : TaskEvent::fail,
             .task = &cell,
             .name = cell.name(),
             .executor = name_});
  }
  ended.task->payload.clear();
  if (ended.error != nullptr) {
    cell.fail(std::move(ended.error));
  } else {
    cell.finish();
  }
  ended.cell = CellRef();  // kept no longer than needed
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
