// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/process_worker.hpp"

#include "executors/process_codes.hpp"
#include "executors/process_setup.hpp"
#include "executors/process_worker_main.hpp"
#include "multiprocessing/packet_socket.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <tuple>
#include <utility>

namespace coeval::detail {
namespace {

using multiprocessing::detail::packet_sockets;
using multiprocessing::detail::receive_packet;

const Deadline now(std::chrono::seconds(0));

// No time that a worker tells is longer: sums of them stay numbers.
constexpr std::int64_t longest_ns = std::int64_t{1} << 45;  // ten hours

// A value in memory that its writer may change at any time, fetched once.
template <class T>
T fetch(const T& value) noexcept {
  return __atomic_load_n(&value, __ATOMIC_RELAXED);
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
      side_(inbox_.words, outbox_.words) {
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
  process_.start();
}

// One that runs still is killed: its pool is gone.
ProcessWorker::~ProcessWorker() {
  try {
    if (process_.pid() && process_.is_alive()) {
      process_.kill();
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): then it ends when it reads EOF
  }
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
  return side_.passed() != reading();
}

// The worker may have written any number.
bool ProcessWorker::begin_collecting(std::uint32_t most) noexcept {
  const std::uint32_t told = side_.passed() - reading();
  reading_.store(reading() + std::min({told, posted_ - reading(), most}),
                 std::memory_order_relaxed);
  return reading() != collected_;
}

std::span<const std::byte> ProcessWorker::result_bytes(const Extent& extent) {
  if (extent.buffer != 0) {
    return received_.bytes(extent.buffer, extent.size);
  }
  if (extent.offset > outbox_room || extent.size > outbox_room - extent.offset) {
    throw PickleError("coeval::ProcessPoolExecutor: a worker's result lies outside of its memory");
  }
  return {outbox_.room.data() + extent.offset, static_cast<std::size_t>(extent.size)};
}

std::vector<FileDescriptor> ProcessWorker::result_descriptors(std::uint32_t position,
                                                              std::uint32_t count) {
  const auto found = received_descriptors_.find(position);
  if (found == received_descriptors_.end() || found->second.size() != count) {
    throw PickleError("coeval::ProcessPoolExecutor: a result's file descriptors did not come");
  }
  std::vector<FileDescriptor> descriptors = std::move(found->second);
  received_descriptors_.erase(found);
  return descriptors;
}

void ProcessWorker::read_outcome(std::uint32_t position, Ended& ended) {
  const OutSlot& slot = outbox_.slots[position % slot_count];
  const Extent extent = fetch(slot.result);
  const std::uint32_t count = fetch(slot.descriptors);
  ended.wall_ns = std::clamp<std::int64_t>(fetch(slot.wall_ns), 0, longest_ns);
  if (extent.buffer != 0 || count != 0) {
    receive_packets();
  }
  const std::span<const std::byte> bytes = result_bytes(extent);
  std::vector<FileDescriptor> descriptors;
  if (count != 0) {
    descriptors = result_descriptors(position, count);
  }
  pickle::InputArchive archive =
      count != 0 ? pickle::InputArchive(bytes, descriptors) : pickle::InputArchive(bytes);
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
  if (extent.buffer != 0) {
    receive_packets();
  }
  pickle::InputArchive archive(result_bytes(extent));
  ended.raised = chunk.read_until(done, archive, ended.parts);
}

void ProcessWorker::collect(std::vector<Ended>& ended) {
  for (; read_ != reading(); ++read_) {
    Record& record = this->record(read_);
    if (record.taken) {
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
    } catch (...) {
      one.error = std::current_exception();
      one.is_nonsense = true;
    }
  }
}

// A worker that sends without end does not hold up the pool.
bool ProcessWorker::receive_packets() noexcept {
  constexpr std::size_t most_bytes = 4096;
  constexpr int most_packets = 300;
  for (int i = 0; i < most_packets; ++i) {
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (sys().descriptor.poll(&ready, 1, 0) <= 0) {
      break;
    }
    try {
      pickle::Parcel packet = receive_packet(socket_.get(), most_bytes, now);
      PacketHead head;
      if (packet.bytes.size() < sizeof head) {
        continue;
      }
      std::memcpy(&head, packet.bytes.data(), sizeof head);
      if (head.kind == PacketHead::Kind::descriptors) {
        received_descriptors_[head.number] = std::move(packet.descriptors);
      } else if (head.kind == PacketHead::Kind::buffer && packet.descriptors.size() == 1) {
        received_.add(head.number, std::move(packet.descriptors.front()));
        for (std::size_t at = sizeof head; at + sizeof(std::uint32_t) <= packet.bytes.size();
             at += sizeof(std::uint32_t)) {
          std::uint32_t gone = 0;
          std::memcpy(&gone, packet.bytes.data() + at, sizeof gone);
          received_.forget(gone);
        }
      }
    } catch (const EOFError&) {
      return false;
    } catch (const std::exception&) {
      break;  // nonsense: what is missing is missed by who needs it
    }
  }
  return true;
}

void ProcessWorker::free_collected() noexcept {
  for (; collected_ != read_; ++collected_) {
    Record& record = this->record(collected_);
    room_begin_ = record.room_end;
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

std::string ProcessWorker::crash_lines() const {
  return detail::crash_lines(outbox_.crash);
}

std::int64_t ProcessWorker::cpu_ns() const noexcept {
  return std::clamp<std::int64_t>(outbox_.cpu_ns.load(std::memory_order_relaxed), 0, longest_ns);
}

}  // namespace coeval::detail
