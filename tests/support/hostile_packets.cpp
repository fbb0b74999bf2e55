// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/hostile_packets.hpp"

#include "support/descriptor_message.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace support {

using coeval::detail::PacketHead;

namespace {

// The socket came last, after that for the parent.
int socket_of_pool() {
  constexpr int most = 64;
  for (int fd = most; fd > 0; --fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET) {
      return fd;
    }
  }
  std::abort();
}

}  // namespace

HostilePackets::HostilePackets(Random& random) : random_(random), socket_(socket_of_pool()) {}

int HostilePackets::some_file() {
  const auto size = static_cast<off_t>(random_.below(3) << 19);
  switch (random_.below(5)) {
    case 0:
      return ::open("/dev/null", O_RDWR | O_CLOEXEC);
    case 1:
      return ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    default:
      break;
  }
  const int file = ::memfd_create("coeval-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (::ftruncate(file, size) == 0 && random_.one_in(2)) {
    ::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK);
  }
  return file;
}

std::uint32_t HostilePackets::send_nonsense(std::uint32_t position) {
  std::array<int, 3> files{};
  const std::size_t count = random_.below(files.size() + 1);
  std::generate_n(files.begin(), count, [this] { return some_file(); });
  const std::span<const int> sent(files.data(), count);
  std::array<std::uint32_t, 8> gone;
  std::ranges::generate(gone, [this] { return static_cast<std::uint32_t>(random_.below(8)); });
  const auto more = std::as_bytes(std::span(gone)).first(random_.below(sizeof gone));
  switch (random_.below(4)) {
    case 0:
      send({.kind = PacketHead::Kind::descriptors, .number = position}, {}, sent);
      break;
    case 1:
      send({.kind = PacketHead::Kind::descriptors,
            .number = static_cast<std::uint32_t>(position + random_.below(8))},
           more, sent);
      break;
    case 2:
      send({.kind = PacketHead::Kind::buffer,
            .number = static_cast<std::uint32_t>(random_.below(8))},
           more, sent);
      break;
    default:
      send({.kind = static_cast<PacketHead::Kind>(random_()),
            .number = static_cast<std::uint32_t>(random_())},
           more, sent);
      break;
  }
  for (const int file : sent) {
    ::close(file);
  }
  return static_cast<std::uint32_t>(count);
}

void HostilePackets::send_notice() {
  send({.kind = PacketHead::Kind::notice}, {}, {});
}

// A packet as the library's, and sometimes not quite.
void HostilePackets::send(const PacketHead& head, std::span<const std::byte> more,
                          std::span<const int> files) {
  struct {
    std::uint64_t size;
    std::uint32_t descriptors;
    std::uint32_t in_file;
  } header{.size = sizeof head + more.size(),
           .descriptors = static_cast<std::uint32_t>(files.size()),
           .in_file = 0};
  if (head.kind != PacketHead::Kind::notice && random_.one_in(8)) {
    header.size = awkward(random_);
    header.in_file = static_cast<std::uint32_t>(random_.below(3));
  }
  std::array<iovec, 3> parts{
      iovec{.iov_base = &header, .iov_len = sizeof header},
      iovec{.iov_base = const_cast<PacketHead*>(&head), .iov_len = sizeof head},
      iovec{.iov_base = const_cast<std::byte*>(more.data()), .iov_len = more.size()}};
  const DescriptorMessage message(parts, files);
  ::sendmsg(socket_, message.get(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace support
