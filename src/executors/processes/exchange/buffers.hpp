// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Files of memory that one side of a process pool writes and the other one reads: for what is too
// large for a box, and for the boxes themselves.

#include <coeval/core/annotations.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/parcel.hpp>
#include <coeval/threading/lock.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace coeval::detail {

// Up to this size an argument or a result is pickled into memory of this process and copied into the
// box from there; beyond it, a shared buffer saves that copy and is worth its price.
inline constexpr std::size_t most_copied = std::size_t{32} << 10;

// At least that size, and twice what was written, which is in front: an archive's room on the heap.
pickle::Bytes grown_bytes(std::span<const std::byte> written, std::size_t size);

// A mapping of a memory file; empty if default-constructed. Moves.
class Mapping {
 public:
  Mapping() noexcept = default;
  // Errors: std::system_error.
  Mapping(const FileDescriptor& file, std::size_t size, bool writable);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  std::byte* data() const noexcept { return address_; }
  std::size_t size() const noexcept { return size_; }

 private:
  std::byte* address_ = nullptr;
  std::size_t size_ = 0;
};

// A memory file whose pages are all there, mapped here for writing. Nobody can shrink it.
// one_way: others can map it for reading only. Errors: std::system_error.
struct MemoryFile {
  MemoryFile() = default;
  MemoryFile(std::size_t size, bool one_way);

  FileDescriptor file;
  Mapping mapping;
};

// A file that came from the other side, whole. Errors: PickleError if it is no MemoryFile that is one
// way, whose size stays and whose pages nobody can take away again; or has more bytes than that;
// std::system_error.
Mapping map_received(const FileDescriptor& file, std::size_t most);

// The writer's side of a buffer.
class SharedBuffer {
 public:
  SharedBuffer(std::uint32_t number, std::size_t size) : number_(number), memory_(size, true) {}

  std::uint32_t number() const noexcept { return number_; }
  std::span<std::byte> bytes() const noexcept {
    return {memory_.mapping.data(), memory_.mapping.size()};
  }
  const FileDescriptor& file() const noexcept { return memory_.file; }

 private:
  std::uint32_t number_;
  MemoryFile memory_;
};

// Buffers that are used again and again, since the first touch of a page costs far more than its
// copy. Keeps a few that are large, and more of those up to largest_small; the others are freed.
// Thread-safe.
class BufferStore : public std::enable_shared_from_this<BufferStore> {
 public:
  static constexpr std::size_t largest_small = std::size_t{1} << 20;

  // How much is kept.
  struct Kept {
    std::size_t small;        // how many
    std::size_t small_bytes;  // of all of these together
    std::size_t large;        // how many
  };

  // Errors: std::bad_alloc.
  explicit BufferStore(const Kept& most);

  // One of at least that size, which comes back by itself. Errors: std::system_error.
  std::shared_ptr<SharedBuffer> take(std::size_t size);
  // Whether a buffer of this number exists.
  bool has(std::uint32_t number) const noexcept;

 private:
  using Free = std::vector<std::unique_ptr<SharedBuffer>>;  // has room for one more than is kept

  void give_back(std::unique_ptr<SharedBuffer> buffer) noexcept;
  std::unique_ptr<SharedBuffer> take_surplus() noexcept COEVAL_REQUIRES(lock_);
  std::unique_ptr<SharedBuffer> take_out(Free& free, Free::iterator one) noexcept
      COEVAL_REQUIRES(lock_);
  Free& free_of(std::size_t size) noexcept COEVAL_REQUIRES(lock_) {
    return size <= largest_small ? small_ : large_;
  }

  const Kept most_;
  mutable threading::Lock lock_;
  std::uint32_t next_number_ COEVAL_GUARDED_BY(lock_) = 1;
  std::vector<std::uint32_t> numbers_ COEVAL_GUARDED_BY(lock_);  // of all that exist
  Free small_ COEVAL_GUARDED_BY(lock_);  // the one that came back last is at the end
  std::size_t small_bytes_ COEVAL_GUARDED_BY(lock_) = 0;
  Free large_ COEVAL_GUARDED_BY(lock_);
};

// The reader's side: the buffers that the other one has sent, by number. It keeps mappings, and no
// descriptors. For one thread.
class ReceivedBuffers {
 public:
  // Of buffers of so many bytes at the most.
  explicit ReceivedBuffers(std::size_t most) noexcept : most_(most) {}

  // Errors: as map_received; PickleError if there are more than anybody has.
  void add(std::uint32_t number, const FileDescriptor& file);
  bool has(std::uint32_t number) const noexcept;
  void forget(std::uint32_t number) noexcept;
  // The bytes of a buffer. Errors: PickleError if there is none of that number or size.
  std::span<const std::byte> bytes(std::uint32_t number, std::uint64_t size) const;

 private:
  struct One {
    std::uint32_t number;
    Mapping mapping;
  };
  const std::size_t most_;
  std::vector<One> all_;
};

}  // namespace coeval::detail
