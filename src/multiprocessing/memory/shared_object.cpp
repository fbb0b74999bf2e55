// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/memory/shared_object.hpp"

#include <coeval/core/errors.hpp>

#include <cstring>

namespace coeval::multiprocessing::detail {

void require_shared_object(const SharedMemory& memory, SharedHeader header, std::size_t more) {
  SharedHeader found{};
  const bool fits =
      memory.name().empty() && memory.size() >= header.size && memory.size() - header.size >= more;
  if (fits) {
    std::memcpy(&found, memory.data(), sizeof found);
  }
  if (!fits || found.kind != header.kind || found.size != header.size) {
    throw PickleError(
        "coeval::multiprocessing: the memory that came does not hold the object asked for; both "
        "processes need the same build of the library");
  }
}

}  // namespace coeval::multiprocessing::detail
