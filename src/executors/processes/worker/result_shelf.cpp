// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/worker/result_shelf.hpp"

#include "multiprocessing/channels/packet_socket.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/executors/detail/process_call.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace coeval::detail {
namespace {

// A buffer of that size with what was written in front; larger than asked for when it grows.
std::shared_ptr<SharedBuffer> grown(BufferStore& store, bool grows,
                                    std::span<const std::byte> written, std::size_t size) {
  std::shared_ptr<SharedBuffer> buffer =
      store.take(grows ? std::max(size, 2 * written.size()) : size);
  if (!written.empty()) {
    std::memcpy(buffer->bytes().data(), written.data(), written.size());
  }
  return buffer;
}

void require_size(std::size_t size, std::size_t most) {
  if (size > most) {
    throw ValueError(fmt::format(
        "coeval::ProcessPoolExecutor: a result takes more than {} bytes, the pool's "
        "max_result_size; raise that, or leave it in a SharedMemory or a file and return this",
        most));
  }
}

}  // namespace

std::span<std::byte> ResultRoom::grow(std::span<const std::byte> written, std::size_t size) {
  if (size <= own_.size()) {
    return own_;
  }
  require_size(size, most_);
  if (size <= most_copied) {
    heap_ = grown_bytes(written, size);
    return heap_;
  }
  buffer_ = grown(store_, buffer_ != nullptr, written, size);
  heap_ = {};
  return buffer_->bytes();
}

// ---- ResultShelf ----------------------------------------------------------------------------------

// Frees the room of results that were collected: invariant 2 of the region.
void ResultShelf::free_collected() noexcept {
  const std::uint32_t collected = side_.collected();
  while (!in_use_.empty() && static_cast<std::int32_t>(collected - in_use_.front().position) > 0) {
    room_.free(in_use_.front().range);
    in_use_.pop_front();
  }
}

void ResultShelf::keep(InUse use) {
  if (use.buffer != nullptr || use.range.size() != 0) {
    in_use_.push_back(std::move(use));
  }
}

void ResultShelf::put(std::uint32_t position, OutSlot& out, ResultRoom& room,
                      pickle::OutputArchive& archive, Outcome outcome) {
  free_collected();
  const std::span<const std::byte> bytes = archive.written();
  InUse use{.position = position, .range = {}, .buffer = room.take_buffer()};
  out.result = {.offset = 0, .size = bytes.size(), .buffer = 0};
  if (use.buffer == nullptr && !bytes.empty()) {
    if (const auto range = room_.find(bytes.size())) {
      out.result.offset = range->offset();
      std::memcpy(outbox_.room.data() + out.result.offset, bytes.data(), bytes.size());
      room_.take(*range);
      use.range = *range;
    } else {
      use.buffer = grown(*store_, false, bytes, bytes.size());
    }
  }
  if (use.buffer != nullptr) {
    send_buffer(*use.buffer);
    out.result.buffer = use.buffer->number();
  }
  keep(std::move(use));
  send_descriptors(position, out, archive);
  out.outcome = static_cast<std::uint32_t>(outcome);
}

void ResultShelf::send_descriptors(std::uint32_t position, OutSlot& out,
                                   pickle::OutputArchive& archive) const {
  const std::vector<FileDescriptor> descriptors = archive.take().descriptors;
  out.descriptors = static_cast<std::uint32_t>(descriptors.size());
  if (!descriptors.empty()) {
    send({.kind = PacketHead::Kind::descriptors, .number = position}, {}, descriptors, never);
  }
}

void ResultShelf::send_buffer(const SharedBuffer& buffer) {
  if (std::ranges::find(sent_buffers_, buffer.number()) != sent_buffers_.end()) {
    return;
  }
  std::vector<std::uint32_t> gone;
  std::ranges::copy_if(sent_buffers_, std::back_inserter(gone),
                       [this](std::uint32_t number) { return !store_->has(number); });
  std::vector<FileDescriptor> file;
  file.push_back(buffer.file().duplicate());
  send({.kind = PacketHead::Kind::buffer, .number = buffer.number()},
       std::as_bytes(std::span(gone)), file, never);
  std::erase_if(sent_buffers_, [&](std::uint32_t number) {
    return std::ranges::find(gone, number) != gone.end();
  });
  sent_buffers_.push_back(buffer.number());
}

void ResultShelf::send(const PacketHead& head, std::span<const std::byte> more,
                       std::span<const FileDescriptor> descriptors, Deadline deadline) const {
  multiprocessing::detail::send_packet(socket_.get(), std::as_bytes(std::span(&head, 1)), more,
                                       descriptors, deadline);
}

// ---- ChunkRoom ------------------------------------------------------------------------------------

std::span<std::byte> ChunkRoom::grow(std::span<const std::byte> written, std::size_t size) {
  require_size(size - shown_, shelf_.max_result_size());
  if (size <= usual_size && !range_ && buffer_ == nullptr) {
    range_ = shelf_.room_.find(usual_size);
    if (range_) {
      return std::span(shelf_.outbox_.room).subspan(range_->offset(), usual_size);
    }
  }
  buffer_ = grown(shelf_.store(), range_ || buffer_ != nullptr, written, size);
  range_.reset();
  return buffer_->bytes();
}

// The buffer before its number, and its number before the progress that counts on it: invariant 1 of the region.
void ChunkRoom::show(OutSlot& out, const pickle::OutputArchive& archive) {
  shown_ = archive.size();
  std::uint32_t number = 0;
  if (buffer_ != nullptr) {
    shelf_.send_buffer(*buffer_);
    number = buffer_->number();
  }
  out.result = {.offset = range_ ? range_->offset() : 0, .size = archive.size(), .buffer = number};
}

void ChunkRoom::finish(std::uint32_t position, OutSlot& out, pickle::OutputArchive& archive) {
  const OutboxRoom::Range range = range_ ? range_->first(archive.size()) : OutboxRoom::Range();
  if (range.size() != 0) {
    shelf_.room_.take(range);
  }
  shelf_.keep({.position = position, .range = range, .buffer = std::move(buffer_)});
  shelf_.send_descriptors(position, out, archive);
  out.outcome = static_cast<std::uint32_t>(Outcome::returned);
}

}  // namespace coeval::detail
