// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a worker hands its results to the pool: little in the room of its outbox, much in buffers.

#include "executors/processes/exchange/buffers.hpp"
#include "executors/processes/exchange/region.hpp"

#include <coeval/core/deadline.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/parcel.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace coeval::detail {

// Where the result of a task is written: little here, more on the heap, much in a buffer.
class ResultRoom final : public pickle::ArchiveRoom {
 public:
  ResultRoom(BufferStore& store, std::size_t most) noexcept : store_(store), most_(most) {}

  // Errors: ValueError beyond the most.
  std::span<std::byte> grow(std::span<const std::byte> written, std::size_t size) override;
  std::shared_ptr<SharedBuffer> take_buffer() noexcept { return std::move(buffer_); }

 private:
  BufferStore& store_;
  const std::size_t most_;
  pickle::Bytes heap_;
  std::shared_ptr<SharedBuffer> buffer_;
  std::array<std::byte, std::size_t{4} << 10> own_;
};

// Of one thread.
class ResultShelf {
 public:
  ResultShelf(const WorkerSide& side, WorkerOutbox& outbox, const FileDescriptor& socket) noexcept
      : side_(side), outbox_(outbox), socket_(socket) {}

  BufferStore& store() const noexcept { return *store_; }
  // The pool's, which the setup tells.
  std::size_t max_result_size() const noexcept { return max_result_size_; }
  void set_max_result_size(std::size_t bytes) noexcept { max_result_size_ = bytes; }

  // Puts what the archive has written to the room there. Errors: std::bad_alloc, std::system_error.
  void put(std::uint32_t position, OutSlot& out, ResultRoom& room, pickle::OutputArchive& archive,
           Outcome outcome);

  // Sends a packet to the pool. Errors: TimeoutError, std::system_error.
  void send(const PacketHead& head, std::span<const std::byte> more,
            std::span<const FileDescriptor> descriptors, Deadline deadline) const;

 private:
  friend class ChunkRoom;

  // What the pool has not collected yet.
  struct InUse {
    std::uint32_t position = 0;
    OutboxRoom::Range range;
    std::shared_ptr<SharedBuffer> buffer;
  };

  void free_collected() noexcept;
  void send_buffer(const SharedBuffer& buffer);
  void send_descriptors(std::uint32_t position, OutSlot& out, pickle::OutputArchive& archive) const;
  void keep(InUse use);

  const WorkerSide& side_;
  WorkerOutbox& outbox_;
  const FileDescriptor& socket_;
  const std::shared_ptr<BufferStore> store_ = std::make_shared<BufferStore>(
      BufferStore::Kept{.small = 40, .small_bytes = std::size_t{16} << 20, .large = 2});
  std::vector<std::uint32_t> sent_buffers_;
  std::deque<InUse> in_use_;
  OutboxRoom room_;
  std::size_t max_result_size_ = least_max_result_size;
};

// Where the results of a chunk are written, for the pool to see what there is at any time. While it
// lives nothing else is put on the shelf.
class ChunkRoom final : public pickle::ArchiveRoom {
 public:
  explicit ChunkRoom(ResultShelf& shelf) noexcept : shelf_(shelf) { shelf_.free_collected(); }

  // Errors: ValueError if an element takes more than max_result_size.
  std::span<std::byte> grow(std::span<const std::byte> written, std::size_t size) override;
  // Tells where the results are. Errors: std::system_error.
  void show(OutSlot& out, const pickle::OutputArchive& archive);
  // No more comes.
  void finish(std::uint32_t position, OutSlot& out, pickle::OutputArchive& archive);

 private:
  static constexpr std::size_t usual_size = std::size_t{8} << 10;

  ResultShelf& shelf_;
  std::size_t shown_ = 0;                   // bytes of the elements that are done
  std::optional<OutboxRoom::Range> range_;  // in the outbox's room
  std::shared_ptr<SharedBuffer> buffer_;
};

}  // namespace coeval::detail
