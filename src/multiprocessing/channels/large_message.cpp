// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/channels/large_message.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// The receiver reads the file in place: without these it could be made to fault, or to read
// something else than it has checked.
constexpr int message_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

[[noreturn]] void fail_message(int error, const char* call) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("coeval::multiprocessing: {} for a large message", call));
}

iovec part_of(std::span<const std::byte> bytes) noexcept {
  return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

// A written page is not cleared first, as one that is touched in a mapping would be.
void write_all(const FileDescriptor& file, std::span<const std::byte> front,
               std::span<const std::byte> rest) {
  while (!front.empty() || !rest.empty()) {
    const std::array<iovec, 2> parts{part_of(front), part_of(rest)};
    const ssize_t written = sys().descriptor.write(file.get(), parts.data(), parts.size());
    if (written < 0 && written != -EINTR) {
      fail_message(static_cast<int>(-written), "write");
    }
    auto done = static_cast<std::size_t>(written < 0 ? 0 : written);
    const std::size_t of_front = std::min(done, front.size());
    front = front.subspan(of_front);
    rest = rest.subspan(done - of_front);
  }
}

}  // namespace

FileDescriptor to_memory_file(std::span<const std::byte> front, std::span<const std::byte> rest) {
  const int fd = sys().descriptor.memory_file("coeval-message");
  if (fd < 0) {
    fail_message(-fd, "memfd_create");
  }
  FileDescriptor file(fd);
  write_all(file, front, rest);
  if (const int error = sys().descriptor.seal(file.get(), message_seals | F_SEAL_SEAL)) {
    fail_message(error, "F_ADD_SEALS");
  }
  return file;
}

Message from_memory_file(const FileDescriptor& file, std::uint64_t size,
                         std::vector<FileDescriptor> descriptors) {
  const DescriptorCalls& call = sys().descriptor;
  const int seals = call.seals(file.get());
  if (seals < 0 || (seals & message_seals) != message_seals || size == 0 ||
      call.size(file.get()) != static_cast<ssize_t>(size)) {
    throw PickleError("coeval::multiprocessing: a message came in a file that can change");
  }
  int error = 0;
  void* const pages = call.map_private(size, PROT_READ, file.get(), &error);
  if (pages == nullptr) {
    fail_message(error, "mmap");
  }
  return {pages, static_cast<std::size_t>(size), std::move(descriptors)};
}

Message::~Message() {
  if (pages_ != nullptr) {
    sys().descriptor.unmap(pages_, size_);
  }
}

pickle::Parcel Message::parcel() && {
  if (pages_ != nullptr) {
    const std::span<const std::byte> here = bytes();
    parcel_.bytes.resize(here.size());
    std::memcpy(parcel_.bytes.data(), here.data(), here.size());
  }
  return std::move(parcel_);
}

}  // namespace coeval::multiprocessing::detail
