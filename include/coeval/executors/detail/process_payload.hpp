// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Payload: the pickled arguments of a task, where they are written once.

#include <coeval/core/export.hpp>
#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/parcel.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace coeval::detail {

class BufferStore;
class SharedBuffer;

// Little lies in the payload itself, more on the heap, and much in a buffer that workers can see.
// For one thread at a time.
class COEVAL_EXPORT Payload final : public pickle::ArchiveRoom {
 public:
  explicit Payload(std::shared_ptr<BufferStore> store) noexcept;
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;
  ~Payload();

  // Errors: std::bad_alloc; std::system_error if there is no memory or descriptor for a buffer.
  std::span<std::byte> grow(std::span<const std::byte> written, std::size_t size) override;
  // Takes what an archive has collected that wrote here.
  void finish(pickle::OutputArchive& archive);
  // Becomes another one of the same content. Errors: std::bad_alloc, std::system_error.
  void share(const Payload& other);

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  const std::vector<FileDescriptor>& descriptors() const noexcept { return descriptors_; }
  // The buffer that has the bytes, from its beginning; null: they are in memory of this process.
  const SharedBuffer* buffer() const noexcept { return buffer_.get(); }

  // Frees everything; the buffer goes back to the store.
  void clear() noexcept;

 private:
  static constexpr std::size_t own_size = 64;

  std::span<const std::byte> bytes_;
  pickle::Bytes heap_;
  std::shared_ptr<SharedBuffer> buffer_;
  std::shared_ptr<BufferStore> store_;
  std::vector<FileDescriptor> descriptors_;
  std::array<std::byte, own_size> own_;
};

}  // namespace coeval::detail
