// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/channels/packet_socket.hpp"

#include "multiprocessing/channels/large_message.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <system_error>
#include <vector>

namespace coeval::multiprocessing::detail {
namespace {

[[noreturn]] void fail(int error, const char* call) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("coeval::multiprocessing: {}", call));
}

// What each packet begins with.
struct Header {
  std::uint64_t size;         // of the bytes
  std::uint32_t descriptors;  // without the one of a memory file
  std::uint32_t in_file;      // 1: the bytes are in a memory file, the first descriptor
};

// Packets of up to this size are sent inline; the least default send buffer of Linux takes three.
constexpr std::size_t most_inline = std::size_t{64} * 1024;

// What another program may send: SCM_MAX_FD of the kernel. With room for so many, only a process that
// has no descriptors left is given fewer.
constexpr std::size_t most_received = 253;

constexpr std::size_t control_size = CMSG_SPACE(sizeof(int) * most_received);

// Waits until the socket is ready for the events.
void await(int fd, short events, Deadline deadline, const char* what) {
  pollfd ready{.fd = fd, .events = events, .revents = 0};
  const int count = sys().descriptor.poll(&ready, 1, deadline.nanoseconds());
  if (count == 0) {
    throw TimeoutError(
        fmt::format("coeval::multiprocessing::Connection::{}: the deadline passed", what));
  }
  if (count < 0 && count != -EINTR) {
    fail(-count, "poll");
  }
}

// Takes the ownership of the descriptors that came with a message, which are closed if there is no
// memory for them.
std::vector<FileDescriptor> descriptors_of(msghdr& message) {
  std::array<FileDescriptor, most_received> owned;
  std::size_t total = 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS) {
      const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count && total < owned.size(); ++i) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(control) + i * sizeof number, sizeof number);
        owned[total++].reset(number);
      }
    }
  }
  std::vector<FileDescriptor> received;
  received.reserve(total);
  std::move(owned.begin(), owned.begin() + static_cast<std::ptrdiff_t>(total),
            std::back_inserter(received));
  return received;
}

// Whether the call is to be repeated; raises what it failed with otherwise.
bool must_wait(ssize_t result, const char* call) {
  if (result == -EAGAIN || result == -EINTR) {
    return result == -EAGAIN;
  }
  fail(static_cast<int>(-result), call);
}

// cut: what is said if some of the descriptors are missing; null if none is.
Message unpack(std::span<const std::byte> packet, std::vector<FileDescriptor> descriptors,
               const char* cut, std::size_t most) {
  Header header{};
  if (packet.size() < sizeof header) {
    throw PickleError("coeval::multiprocessing: a packet without a header");
  }
  std::memcpy(&header, packet.data(), sizeof header);
  const std::span<const std::byte> rest = packet.subspan(sizeof header);
  const bool in_file = header.in_file == 1;
  if (cut != nullptr) {
    fail(EMFILE, cut);
  }
  if (descriptors.size() != std::size_t{header.descriptors} + (in_file ? 1 : 0) ||
      (in_file ? !rest.empty() : rest.size() != header.size)) {
    throw PickleError("coeval::multiprocessing: a packet that no Connection sends");
  }
  if (header.size > most) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::Connection: a message of {} bytes is longer than the {} allowed",
        header.size, most));
  }
  if (!in_file) {
    return Message(
        {.bytes = pickle::Bytes(rest.begin(), rest.end()), .descriptors = std::move(descriptors)});
  }
  const FileDescriptor file = std::move(descriptors.front());
  descriptors.erase(descriptors.begin());
  return from_memory_file(file, header.size, std::move(descriptors));
}

// The one control message of a packet with descriptors.
void put_descriptors(msghdr& message, std::span<char> room, const FileDescriptor& file,
                     std::span<const FileDescriptor> descriptors) {
  std::vector<int> numbers;
  numbers.reserve(descriptors.size() + 1);
  if (file) {
    numbers.push_back(file.get());
  }
  for (const FileDescriptor& descriptor : descriptors) {
    numbers.push_back(descriptor.get());
  }
  message.msg_control = room.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * numbers.size());
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * numbers.size());
  std::memcpy(CMSG_DATA(rights), numbers.data(), sizeof(int) * numbers.size());
}

}  // namespace

std::pair<FileDescriptor, FileDescriptor> packet_sockets() {
  std::array<int, 2> pair{};
  if (const int error = sys().descriptor.socket_pair(SOCK_SEQPACKET, pair.data())) {
    fail(error, "socketpair");
  }
  return {FileDescriptor(pair[0]), FileDescriptor(pair[1])};
}

bool is_packet_socket(int fd) noexcept {
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof type;
  if (sys().descriptor.get_option(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return false;
  }
  size = sizeof domain;
  return sys().descriptor.get_option(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
         type == SOCK_SEQPACKET && domain == AF_UNIX;
}

void send_packet(int fd, std::span<const std::byte> front, std::span<const std::byte> rest,
                 std::span<const FileDescriptor> descriptors, Deadline deadline) {
  if (descriptors.size() > most_descriptors) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::Connection::send: {} descriptors in one message; {} are possible",
        descriptors.size(), most_descriptors));
  }
  const std::size_t size = front.size() + rest.size();
  const bool in_file = size > most_inline;
  const FileDescriptor file = in_file ? to_memory_file(front, rest) : FileDescriptor();
  Header header{.size = size,
                .descriptors = static_cast<std::uint32_t>(descriptors.size()),
                .in_file = in_file ? 1U : 0U};
  std::array<iovec, 3> parts{
      iovec{.iov_base = &header, .iov_len = sizeof header},
      iovec{.iov_base = const_cast<std::byte*>(front.data()), .iov_len = front.size()},
      iovec{.iov_base = const_cast<std::byte*>(rest.data()), .iov_len = rest.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = in_file ? 1 : parts.size();
  alignas(cmsghdr) std::array<char, control_size> control;
  if (in_file || !descriptors.empty()) {
    put_descriptors(message, control, file, descriptors);
  }
  while (true) {
    const ssize_t sent = sys().descriptor.send(fd, &message, MSG_DONTWAIT);
    if (sent >= 0) {
      return;
    }
    if (must_wait(sent, "sendmsg")) {
      await(fd, POLLOUT, deadline, "send");
    }
  }
}

namespace {

// peek: MSG_PEEK, or 0.
Message receive(int fd, std::size_t most, Deadline deadline, int peek) {
  std::array<std::byte, sizeof(Header) + most_inline> packet;
  alignas(cmsghdr) std::array<char, control_size> control;
  bool reset = false;
  while (true) {
    iovec part{.iov_base = packet.data(), .iov_len = packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    // Without a deadline the call itself waits, unless another program made the socket so that it
    // does not.
    const int flags = peek | (deadline.is_never() ? 0 : MSG_DONTWAIT);
    const ssize_t got = sys().descriptor.receive(fd, &message, flags);
    // An empty packet with descriptors is none of ours; they are taken and closed.
    if (got > 0 || (got == 0 && message.msg_controllen != 0)) {
      return unpack(std::span(packet).first(static_cast<std::size_t>(got)), descriptors_of(message),
                    (message.msg_flags & MSG_CTRUNC) == 0 ? nullptr
                    : peek != 0
                        ? "recvmsg: no room for the descriptors of a message"
                        : "recvmsg: no room for the descriptors of a message, which is lost",
                    most);
    }
    if (got == 0 || (got == -ECONNRESET && reset)) {
      throw EOFError("coeval::multiprocessing::Connection::recv: the other end is closed");
    }
    if (got == -ECONNRESET) {
      reset = true;  // it closed without reading everything from us; what it sent is still here
    } else if (must_wait(got, "recvmsg")) {
      await(fd, POLLIN, deadline, "recv");
    }
  }
}

}  // namespace

Message receive_message(int fd, std::size_t most, Deadline deadline) {
  return receive(fd, most, deadline, 0);
}

pickle::Parcel receive_packet(int fd, std::size_t most, Deadline deadline) {
  return receive_message(fd, most, deadline).parcel();
}

pickle::Parcel peek_packet(int fd, std::size_t most, Deadline deadline) {
  return receive(fd, most, deadline, MSG_PEEK).parcel();
}

void drop_packet(int fd) noexcept {
  msghdr nothing{};
  sys().descriptor.receive(fd, &nothing, MSG_DONTWAIT);
}

}  // namespace coeval::multiprocessing::detail
