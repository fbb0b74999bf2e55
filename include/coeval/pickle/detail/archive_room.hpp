// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

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

}  // namespace coeval::pickle
