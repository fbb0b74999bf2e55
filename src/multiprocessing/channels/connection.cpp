// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/connection.hpp>

#include "multiprocessing/channels/packet_socket.hpp"

#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <poll.h>

#include <cerrno>
#include <system_error>

namespace coeval::multiprocessing {
namespace {

constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();

// How many of them are ready. A signal handler does not end the wait.
int poll_all(std::span<pollfd> descriptors, Deadline deadline) {
  while (true) {
    const int ready =
        sys().descriptor.poll(descriptors.data(), descriptors.size(), deadline.nanoseconds());
    if (ready >= 0) {
      return ready;
    }
    if (ready != -EINTR) {
      throw std::system_error(-ready, std::generic_category(),
                              "coeval::multiprocessing::connection::wait: poll");
    }
  }
}

}  // namespace

Connection::Connection(FileDescriptor socket, bool readable, bool writable)
    : socket_(std::move(socket)), readable_(readable), writable_(writable) {
  if (!detail::is_packet_socket(socket_.get())) {
    throw ValueError(
        "coeval::multiprocessing::Connection: the descriptor is no UNIX socket of type "
        "SOCK_SEQPACKET");
  }
}

int Connection::open_end(bool allowed, const char* call) const {
  if (closed()) {
    throw RuntimeError(
        fmt::format("coeval::multiprocessing::Connection::{}: this end is closed", call));
  }
  if (!allowed) {
    throw RuntimeError(fmt::format("coeval::multiprocessing::Connection::{}: this end only {}",
                                   call, readable_ ? "receives" : "sends"));
  }
  return socket_.get();
}

void Connection::send_bytes(std::span<const std::byte> bytes, Deadline deadline) {
  detail::send_packet(open_end(writable_, "send"), bytes, {}, deadline);
}

void Connection::send_parcel(pickle::Parcel parcel, Deadline deadline) {
  detail::send_packet(open_end(writable_, "send"), parcel.bytes, parcel.descriptors, deadline);
}

void Connection::send_pieces(const pickle::detail::Pieces& pieces, Deadline deadline) {
  detail::send_packet(open_end(writable_, "send"), pieces.front, pieces.rest, {}, deadline);
}

detail::Message Connection::receive_message(Deadline deadline) {
  return detail::receive_message(open_end(readable_, "recv"), any_size, deadline);
}

pickle::Bytes Connection::recv_bytes(std::size_t most, Deadline deadline) {
  return detail::receive_packet(open_end(readable_, "recv"), most, deadline).bytes;
}

bool Connection::poll(Deadline deadline) const {
  pollfd self{.fd = open_end(readable_, "poll"), .events = POLLIN, .revents = 0};
  return poll_all(std::span(&self, 1), deadline) > 0;
}

void Connection::save(pickle::OutputArchive& archive) const {
  static_cast<void>(open_end(true, "send"));
  archive.attach(socket_);
  archive(readable_, writable_);
}

Connection Connection::load(pickle::InputArchive& archive) {
  FileDescriptor socket = archive.detach();
  const bool readable = archive.read<bool>();
  const bool writable = archive.read<bool>();
  return Connection(std::move(socket), readable, writable);
}

std::string to_string(const Connection& connection) {
  if (connection.closed()) {
    return "<Connection closed>";
  }
  const char* direction = "";
  if (!connection.writable()) {
    direction = " receives";
  } else if (!connection.readable()) {
    direction = " sends";
  }
  return fmt::format("<Connection {}{}>", connection.fileno(), direction);
}

std::pair<Connection, Connection> Pipe(bool duplex) {
  auto [first, second] = detail::packet_sockets();
  return {Connection(std::move(first), true, duplex), Connection(std::move(second), duplex, true)};
}

namespace connection {

Waitable::Waitable(const Connection& connection) : Waitable(connection.fileno()) {}
Waitable::Waitable(const FileDescriptor& descriptor) : Waitable(descriptor.get()) {}
Waitable::Waitable(int fd) : fd_(fd) {
  if (fd < 0) {
    throw ValueError("coeval::multiprocessing::connection::wait: one of them is closed");
  }
}

std::vector<Waitable> wait(std::span<const Waitable> waitables, Deadline deadline) {
  std::vector<pollfd> descriptors;
  descriptors.reserve(waitables.size());
  for (const Waitable& waitable : waitables) {
    descriptors.push_back({.fd = waitable.fileno(), .events = POLLIN, .revents = 0});
  }
  poll_all(descriptors, deadline);
  std::vector<Waitable> ready;
  for (const pollfd& descriptor : descriptors) {
    if ((descriptor.revents & POLLNVAL) != 0) {
      throw ValueError(fmt::format(
          "coeval::multiprocessing::connection::wait: descriptor {} is not open", descriptor.fd));
    }
    if (descriptor.revents != 0) {
      ready.emplace_back(descriptor.fd);
    }
  }
  return ready;
}

}  // namespace connection
}  // namespace coeval::multiprocessing
