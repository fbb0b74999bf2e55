// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How a ProcessWorker is given tasks, and how they are taken back.

#include "executors/processes/exchange/codes.hpp"
#include "executors/processes/exchange/setup.hpp"
#include "executors/processes/pool/process_worker.hpp"
#include "multiprocessing/channels/packet_socket.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <span>
#include <system_error>
#include <utility>

namespace coeval::detail {
namespace {

using multiprocessing::detail::send_packet;

const Deadline now(std::chrono::seconds(0));

// What the arguments take of the room.
std::size_t room_of(const Payload& payload) noexcept {
  return payload.buffer() == nullptr ? InboxRoom::rounded(payload.bytes().size()) : 0;
}

}  // namespace

bool ProcessWorker::knows(std::uint32_t code) const noexcept {
  return code == 0 || (code < known_codes_.size() && known_codes_[code]);
}

// False if the socket has no room, or the worker has closed its end: nothing more is sent there.
bool ProcessWorker::send(const PacketHead& head, std::span<const std::byte> more,
                         std::span<const FileDescriptor> descriptors) {
  try {
    send_packet(socket_.get(), std::as_bytes(std::span(&head, 1)), more, descriptors, now);
    return true;
  } catch (const TimeoutError&) {
    return false;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::broken_pipe || error.code() == std::errc::connection_reset) {
      retiring = true;
      return false;
    }
    throw;
  }
}

// With the numbers of those that are no more.
bool ProcessWorker::send_buffer(const SharedBuffer& buffer) {
  if (std::ranges::find(sent_buffers_, buffer.number()) != sent_buffers_.end()) {
    return true;
  }
  std::vector<std::uint32_t> gone;
  std::ranges::copy_if(sent_buffers_, std::back_inserter(gone),
                       [this](std::uint32_t number) { return !buffers_->has(number); });
  const PacketHead head{.kind = PacketHead::Kind::buffer, .number = buffer.number()};
  sent_buffers_.reserve(sent_buffers_.size() + 1);
  std::vector<FileDescriptor> file;
  file.push_back(buffer.file().duplicate());
  if (!send(head, std::as_bytes(std::span(gone)), file)) {
    return false;
  }
  std::erase_if(sent_buffers_, [&](std::uint32_t number) {
    return std::ranges::find(gone, number) != gone.end();
  });
  sent_buffers_.push_back(buffer.number());
  return true;
}

bool ProcessWorker::post_setup(const WorkerSetup& setup) {
  const std::span<const std::byte> bytes(setup.bytes);
  InSlot& slot = inbox_.slots[0];
  if (bytes.size() <= inbox_room / 2) {
    const InboxRoom::Range range = *room_.find(bytes.size());  // nothing is in use yet
    std::ranges::copy(bytes, inbox_.room.begin() + static_cast<std::ptrdiff_t>(range.offset()));
    slot.arguments = {.offset = range.offset(), .size = bytes.size(), .buffer = 0};
    room_.take(range);
    records_[0].range = range;
  } else {
    setup_buffer_ = buffers_->take(bytes.size());
    std::ranges::copy(bytes, setup_buffer_->bytes().begin());
    slot.arguments = {.offset = 0, .size = bytes.size(), .buffer = setup_buffer_->number()};
    if (!send_buffer(*setup_buffer_)) {
      return false;
    }
  }
  slot.descriptors = static_cast<std::uint32_t>(setup.descriptors.size());
  if (!setup.descriptors.empty() &&
      !send({.kind = PacketHead::Kind::descriptors, .number = 0}, {}, setup.descriptors)) {
    return false;
  }
  outbox_.slots[0].claim.make_ready(0);
  posted_ = 1;
  side_.post(posted_);
  return true;
}

bool ProcessWorker::post(CellRef& cell, ProcessTask& task) {
  if (posted_ - collected_ >= slot_count) {
    return false;
  }
  pickle::OutputArchive codes;
  for (const std::uint32_t code : {task.entry_code, task.callable_code}) {
    if (!knows(code)) {
      write_numbered_code(codes, code);
    }
  }
  const SharedBuffer* const buffer = task.payload.buffer();
  const std::optional<InboxRoom::Range> range = room_.find(room_of(task.payload) + codes.size());
  if (!range || (buffer != nullptr && !send_buffer(*buffer))) {
    return false;
  }
  if (!task.payload.descriptors().empty() &&
      !send({.kind = PacketHead::Kind::descriptors, .number = posted_}, {},
            task.payload.descriptors())) {
    return false;
  }
  fill_slot(task, range->offset(), codes.written());
  room_.take(*range);
  Record& record = this->record(posted_);
  record.range = *range;
  record.task = &task;
  record.cell = std::move(cell);
  record.taken = false;
  outbox_.slots[posted_ % slot_count].claim.make_ready(posted_);
  task.place = ProcessTask::Place::posted;
  task.worker = this;
  task.position = posted_;
  side_.post(++posted_);
  return true;
}

// The slot of the next position, with the arguments at that offset of the room, and the codes behind.
void ProcessWorker::fill_slot(ProcessTask& task, std::uint64_t offset,
                              std::span<const std::byte> codes) noexcept {
  const SharedBuffer* const buffer = task.payload.buffer();
  const std::span<const std::byte> bytes = task.payload.bytes();
  const std::size_t arguments_room = room_of(task.payload);
  InSlot& slot = inbox_.slots[posted_ % slot_count];
  if (buffer == nullptr) {
    if (!bytes.empty()) {
      std::memcpy(inbox_.room.data() + offset, bytes.data(), bytes.size());
    }
    slot.arguments = {.offset = offset, .size = bytes.size(), .buffer = 0};
  } else {
    slot.arguments = {.offset = 0, .size = bytes.size(), .buffer = buffer->number()};
  }
  if (codes.size() != 0) {
    std::memcpy(inbox_.room.data() + offset + arguments_room, codes.data(), codes.size());
  }
  slot.codes = {.offset = offset + arguments_room, .size = codes.size(), .buffer = 0};
  slot.entry_code = task.entry_code;
  slot.descriptors = static_cast<std::uint32_t>(task.payload.descriptors().size());
  slot.takes_stop_token = task.takes_stop_token ? 1 : 0;
  slot.elements = 0;
  if (const ChunkTask* const chunk = task.chunk()) {
    slot.elements = chunk->made_of();
    slot.first = chunk->first();
    outbox_.slots[posted_ % slot_count].progress.begin(
        {.element = chunk->first(), .end = chunk->end()});
  }
}

bool ProcessWorker::take_back(std::uint32_t position) noexcept {
  // What the collector reads, or a position that is not in use, is not looked at: invariant 3 of
  // the exchange.
  if (position - collected_ >= posted_ - collected_ ||
      position - collected_ < reading() - collected_ || record(position).taken) {
    return false;
  }
  if (!outbox_.slots[position % slot_count].claim.take_back(position)) {
    return false;
  }
  record(position).taken = true;
  ++taken_;
  task_deadline.reset();  // a task with a time limit is alone in hand, so it was this one
  return true;
}

CellRef ProcessWorker::take_back_newest() noexcept {
  for (std::uint32_t position = posted_; position != reading();) {
    --position;
    if (position == 0 || record(position).taken) {
      continue;
    }
    if (!take_back(position)) {
      return {};  // those before it have begun, too
    }
    return std::move(record(position).cell);
  }
  return {};
}

CellRef ProcessWorker::take_cell(std::uint32_t position) noexcept {
  return std::move(record(position).cell);
}

}  // namespace coeval::detail
