// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Messages that are too large for a socket: in a memory file, which nobody can change any more when
// it is sent.

#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/detail/message.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coeval::multiprocessing::detail {

// A sealed memory file with the front and the rest, of which one has bytes. Errors:
// std::system_error.
FileDescriptor to_memory_file(std::span<const std::byte> front, std::span<const std::byte> rest);

// What such a file holds. Errors: PickleError if it is another file, or of another size;
// std::system_error if there is no place for it.
Message from_memory_file(const FileDescriptor& file, std::uint64_t size,
                         std::vector<FileDescriptor> descriptors);

}  // namespace coeval::multiprocessing::detail
