// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Message: what a Connection has received, before it is read.

#include <coeval/core/export.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/parcel.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace coeval::multiprocessing::detail {

// The bytes of a message, in memory of this process or in a file that nobody can change, and its
// descriptors. Moves and does not copy.
class COEVAL_EXPORT Message {
 public:
  explicit Message(pickle::Parcel parcel) noexcept : parcel_(std::move(parcel)) {}
  // Takes over a mapping, which holds the bytes.
  Message(void* pages, std::size_t size, std::vector<FileDescriptor> descriptors) noexcept
      : parcel_{.bytes = {}, .descriptors = std::move(descriptors)}, pages_(pages), size_(size) {}
  Message(Message&& other) noexcept
      : parcel_(std::move(other.parcel_)),
        pages_(std::exchange(other.pages_, nullptr)),
        size_(other.size_) {}
  Message& operator=(Message&&) = delete;
  ~Message();

  std::span<const std::byte> bytes() const noexcept {
    return pages_ != nullptr ? std::span(static_cast<const std::byte*>(pages_), size_)
                             : std::span<const std::byte>(parcel_.bytes);
  }
  std::vector<FileDescriptor>& descriptors() noexcept { return parcel_.descriptors; }

  // Everything in memory of this process.
  pickle::Parcel parcel() &&;

 private:
  pickle::Parcel parcel_;
  void* pages_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace coeval::multiprocessing::detail
