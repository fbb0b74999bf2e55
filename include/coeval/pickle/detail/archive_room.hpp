// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The memory that archives write into.

#include <coeval/core/export.hpp>

#include <cstddef>
#include <span>

namespace coeval::pickle {

// Memory of somebody else's that an archive writes into.
class COEVAL_EXPORT ArchiveRoom {
 public:
  // Room for at least so many bytes, with those in front that were written.
  virtual std::span<std::byte> grow(std::span<const std::byte> written, std::size_t size) = 0;

 protected:
  ~ArchiveRoom() = default;
};

namespace detail {

// Says that so much new memory is about to be written from end to end: if it is large, in large
// pages, which the kernel gives in a fifth of the time.
COEVAL_EXPORT void about_to_fill(void* memory, std::size_t size) noexcept;

}  // namespace detail
}  // namespace coeval::pickle
