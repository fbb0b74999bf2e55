// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/pool/process_worker.hpp"

#include "executors/processes/exchange/codes.hpp"
#include "executors/processes/exchange/setup.hpp"
#include "multiprocessing/channels/closer.hpp"
#include "multiprocessing/channels/packet_socket.hpp"
#include "multiprocessing/processes/process_state.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <system_error>
#include <tuple>
#include <utility>

namespace coeval::detail {
namespace {

using multiprocessing::detail::packet_sockets;

// No time that a worker tells is longer: sums of them stay numbers.
constexpr std::int64_t longest_told_ns = std::int64_t{1} << 45;  // ten hours

// A value in memory that its writer may change at any time, fetched once.
template <class T>
T fetch(const T& value) noexcept {
  return __atomic_load_n(&value, __ATOMIC_RELAXED);
}

// A worker that writes nonsense there goes on.
Spent spent_of(std::uint32_t number) noexcept {
  return number == static_cast<std::uint32_t>(Spent::out_of_memory) ? Spent::out_of_memory
         : number == static_cast<std::uint32_t>(Spent::above)       ? Spent::above
                                                                    : Spent::no;
}

Extent fetch(const Extent& extent) noexcept {
  return {
      .offset = fetch(extent.offset), .size = fetch(extent.size), .buffer = fetch(extent.buffer)};
}

}  // namespace

ProcessWorker::ProcessWorker(std::size_t number, const WorkerSetup& setup,
                             std::shared_ptr<BufferStore> buffers)
    : number_(number),
      buffers_(std::move(buffers)),
      in_(sizeof(WorkerInbox), true),
      out_(sizeof(WorkerOutbox), false),
      inbox_(*new(in_.mapping.data()) WorkerInbox),
      outbox_(*new(out_.mapping.data()) WorkerOutbox),
      side_(inbox_.words, outbox_.words),
      max_result_size_(setup.max_result_size),
      packets_(socket_, max_result_size_) {
  std::tie(socket_, ends_.socket) = packet_sockets();
  ends_.inbox = in_.file.duplicate();
  ends_.outbox = out_.file.duplicate();
  if (!post_setup(setup)) {
    throw RuntimeError(
        "coeval::ProcessPoolExecutor: the initializer has more file descriptors than a socket "
        "takes");
  }
}

void ProcessWorker::start(const std::string& pool) {
  process_ = multiprocessing::Process({.name = fmt::format("{}_{}", pool, number_)}, run_worker,
                                      take_ends());
  multiprocessing::detail::ProcessState::start_worker(process_);
}

// One that runs still is killed: its pool is gone.
ProcessWorker::~ProcessWorker() {
  try {
    if (process_.pid() && process_.is_alive()) {
      process_.kill();
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): then it ends when it reads EOF
  }
  multiprocessing::detail::close_packet_socket(std::move(socket_));
}

bool ProcessWorker::has_begun(std::uint32_t position) const noexcept {
  return outbox_.slots[position % slot_count].claim.has_begun(position);
}

bool ProcessWorker::is_running(std::uint32_t position) const noexcept {
  return outbox_.slots[position % slot_count].claim.is_running(position);
}

bool ProcessWorker::has_running_task() const noexcept {
  for (std::uint32_t position = collected_; position != posted_; ++position) {
    if (position != 0 && !record(position).taken && has_begun(position)) {
      return true;
    }
  }
  return false;
}

std::uint32_t ProcessWorker::running_element(const ChunkTask& chunk) const noexcept {
  return outbox_.slots[chunk.position % slot_count].progress.read().element;
}

std::optional<std::uint32_t> ProcessWorker::cut(const ChunkTask& chunk) noexcept {
  const std::uint32_t position = chunk.position;
  if (position - collected_ < reading() - collected_ || !is_running(position)) {
    return std::nullopt;  // the collector reads it
  }
  return outbox_.slots[position % slot_count].progress.cut(
      {.element = chunk.first(), .end = chunk.end()});
}

ChunkTask* ProcessWorker::running_chunk() const noexcept {
  ProcessTask* const task = first_in_hand();
  return task != nullptr && is_running(task->position) ? task->chunk() : nullptr;
}

ProcessTask* ProcessWorker::first_in_hand() const noexcept {
  for (std::uint32_t position = reading(); position != posted_; ++position) {
    if (!record(position).taken) {
      return record(position).task;
    }
  }
  return nullptr;
}

ProcessTask* ProcessWorker::unbegun_task() const noexcept {
  ProcessTask* const next = in_hand() != 0 ? first_in_hand() : nullptr;
  return next != nullptr && !has_begun(next->position) ? next : nullptr;
}

ProcessTask* ProcessWorker::running_task() const noexcept {
  for (std::uint32_t position = reading(); position != posted_; ++position) {
    if (!record(position).taken && record(position).task != nullptr && is_running(position)) {
      return record(position).task;
    }
  }
  return nullptr;
}

void ProcessWorker::let_spin() noexcept {
  spins_ = true;
  side_.let_spin();
}

bool ProcessWorker::has_ended_tasks() const noexcept {
  return is_trusted() && side_.passed() != reading();
}

// The worker may have written any number.
bool ProcessWorker::begin_collecting(std::uint32_t most) noexcept {
  if (!is_trusted()) {
    return false;
  }
  const std::uint32_t told = side_.passed() - reading();
  reading_.store(reading() + std::min({told, posted_ - reading(), most}),
                 std::memory_order_relaxed);
  return reading() != collected_;
}

std::span<const std::byte> ProcessWorker::result_bytes(const Extent& extent,
                                                       ProcessTask* task) const {
  const std::size_t more = task != nullptr && task->chunk() != nullptr ? most_of_chunk : 0;
  if (extent.size > more && extent.size - more > max_result_size_) {
    throw PickleError("coeval::ProcessPoolExecutor: a worker's result is too large");
  }
  if (extent.buffer != 0) {
    return packets_.bytes(extent.buffer, extent.size);
  }
  if (extent.offset > outbox_room || extent.size > outbox_room - extent.offset) {
    throw PickleError("coeval::ProcessPoolExecutor: a worker's result lies outside of its memory");
  }
  return {outbox_.room.data() + extent.offset, static_cast<std::size_t>(extent.size)};
}

void ProcessWorker::read_outcome(std::uint32_t position, Ended& ended) {
  const OutSlot& slot = outbox_.slots[position % slot_count];
  const Extent extent = fetch(slot.result);
  const std::uint32_t count = fetch(slot.descriptors);
  ended.began_ns = began_ns(position);
  ended.wall_ns = std::clamp<std::int64_t>(fetch(slot.wall_ns), 0, longest_told_ns);
  ended.spent = spent_of(fetch(slot.spent));
  packets_.fetch(position, extent.buffer, count);
  const std::span<const std::byte> bytes = result_bytes(extent, ended.task);
  std::vector<FileDescriptor> descriptors;
  if (count != 0) {
    WorkerPackets::Descriptors came = packets_.take_descriptors(position, count);
    descriptors = std::move(came.all);
    ended.sockets = std::move(came.sockets);
  }
  pickle::InputArchive archive =
      count != 0 ? pickle::InputArchive(bytes, descriptors) : pickle::InputArchive(bytes);
  archive.require_sealed();
  if (fetch(slot.outcome) != static_cast<std::uint32_t>(Outcome::returned)) {
    ended.error = archive.read<std::exception_ptr>();
    if (ended.error == nullptr) {
      throw PickleError("coeval::ProcessPoolExecutor: a worker raised nothing");
    }
  } else if (ChunkTask* const chunk = ended.task != nullptr ? ended.task->chunk() : nullptr) {
    read_chunk(*chunk, slot, archive, ended);
  } else if (ended.task != nullptr) {
    ended.task->read_result(archive);
  }
}

// A worker may end a chunk early, but not before its first element.
void ProcessWorker::read_chunk(ChunkTask& chunk, const OutSlot& slot, pickle::InputArchive& archive,
                               Ended& ended) {
  const std::uint32_t done = slot.progress.read().element;
  if (done <= chunk.first() || done > chunk.end()) {
    throw PickleError("coeval::ProcessPoolExecutor: a worker has not done what it says");
  }
  ended.raised = chunk.read_until(done, archive, ended.parts);
}

void ProcessWorker::find_begun_chunks(std::vector<ChunkTask*>& chunks) const noexcept {
  if (!is_trusted()) {
    return;
  }
  for (std::uint32_t position = reading(); position != posted_; ++position) {
    const Record& record = this->record(position);
    if (!record.taken && record.task != nullptr && has_begun(position) &&
        record.task->chunk() != nullptr) {
      chunks.push_back(record.task->chunk());
    }
  }
}

void ProcessWorker::read_parts(ChunkTask& chunk, Ended& ended) {
  const OutSlot& slot = outbox_.slots[chunk.position % slot_count];
  const std::uint32_t done = slot.progress.read().element;
  if (done <= chunk.first() || done > chunk.end()) {
    return;
  }
  const Extent extent = fetch(slot.result);
  packets_.fetch(chunk.position, extent.buffer, 0);
  pickle::InputArchive archive(result_bytes(extent, &chunk));
  ended.raised = chunk.read_until(done, archive, ended.parts);
}

void ProcessWorker::collect(std::vector<Ended>& ended) {
  for (; read_ != reading(); ++read_) {
    Record& record = this->record(read_);
    if (record.taken) {
      packets_.let_go(read_);
      continue;
    }
    Ended& one = ended.emplace_back();  // has the room
    one.cell = std::move(record.cell);
    one.task = std::exchange(record.task, nullptr);
    one.position = read_;
    if (one.cell) {
      one.cell->try_start();  // if nobody has noticed its start
    }
    try {
      read_outcome(read_, one);
    } catch (const PickleError&) {
      one.error = std::current_exception();
      one.is_nonsense = true;
      ++read_;
      return;
    } catch (...) {  // there is no memory for it, or no descriptor; or a type refuses its value
      one.error = std::current_exception();
    }
    packets_.let_go(read_);
  }
}

void ProcessWorker::distrust() noexcept {
  distrusted_.store(true, std::memory_order_relaxed);
  reading_.store(read_, std::memory_order_relaxed);
}

void ProcessWorker::free_collected() noexcept {
  for (; collected_ != read_; ++collected_) {
    Record& record = this->record(collected_);
    room_.free(record.range);
    if (record.taken) {
      record.taken = false;
      record.cell = CellRef();
      --taken_;
    }
  }
  side_.free(collected_);
}

// Without memory for it the code is sent again.
void ProcessWorker::has_learned(const ProcessTask& task) noexcept {
  for (const std::uint32_t code : {task.entry_code, task.callable_code}) {
    if (known_codes_.size() <= code) {
      try {
        known_codes_.resize(code + 1);
      } catch (const std::bad_alloc&) {
        return;
      }
    }
    known_codes_[code] = true;
  }
}

ProcessWorker::Left ProcessWorker::take_all_left() noexcept {
  Left left;
  for (std::uint32_t position = reading(); position != posted_; ++position) {
    Record& record = this->record(position);
    if (record.taken) {
      continue;
    }
    const bool begun = has_begun(position);
    if (!record.cell) {
      left.setup = true;
    } else if (begun) {
      left.victims.push_front(std::move(record.cell));
    } else {
      left.untouched.push_front(std::move(record.cell));
    }
  }
  reading_.store(posted_, std::memory_order_relaxed);
  read_ = posted_;
  free_collected();
  return left;
}

std::string ProcessWorker::crash_lines(int signal) const {
  return detail::crash_lines(outbox_.crash, signal);
}

std::int64_t ProcessWorker::began_ns(std::uint32_t position) const noexcept {
  return fetch(outbox_.slots[position % slot_count].began_ns);
}

std::int64_t ProcessWorker::cpu_ns() const noexcept {
  return std::clamp<std::int64_t>(outbox_.cpu_ns.load(std::memory_order_relaxed), 0,
                                  longest_told_ns);
}

}  // namespace coeval::detail
