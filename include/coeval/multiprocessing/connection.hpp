// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Connection: messages between two processes; Pipe(): two of them; connection::wait(): the ones
// that are ready.

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/detail/message.hpp>
#include <coeval/pickle/pickle.hpp>

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {

// One end of a connection; Python's multiprocessing.connection.Connection.
//
//   auto [left, right] = Pipe();
//   left.send(std::vector{1, 2, 3});
//   auto numbers = right.recv<std::vector<int>>();
//
// What is sent is pickled, and received as the same type: PickleError otherwise. Descriptors, and
// all handles of this library that mean something in another process, may be part of it. Each
// message arrives whole, exactly once and in order, or not at all: a process that is killed in the
// middle of send() or recv() costs that message at most, and the connection goes on.
//
// Thread-safe; several threads and, after it crossed to another process, several processes may send
// and receive on one end: each message goes to one receiver. send() blocks while the other side has
// more than about 200 KB to read, recv() until there is a message; the end of the other side ends
// both. Messages above 64 KB travel in shared memory. Ownership: it owns its descriptor; it moves
// and does not copy. One that crosses to another process is duplicated there.
class COEVAL_EXPORT Connection {
 public:
  // No connection: only assignment, close(), closed() and operator bool are allowed; RuntimeError
  // from everything else. So is one that was moved from or closed.
  Connection() noexcept = default;

  // Takes over an end that another process or program made: a connected UNIX socket of type
  // SOCK_SEQPACKET. Errors: ValueError if it is something else.
  explicit Connection(FileDescriptor socket, bool readable = true, bool writable = true);

  // Errors of both: PickleError; TimeoutError, nothing was sent; RuntimeError for an end that is
  // closed or only receives; std::system_error: EPIPE when the other end is closed, ENOSPC or
  // ENOMEM when there is no room for a large message.
  template <class T>
  void send(const T& value, Deadline deadline = never) {
    if constexpr (pickle::detail::InPieces<T>) {
      send_pieces(pickle::detail::Pieces(value), deadline);
    } else {
      send_parcel(pickle::dumps_parcel(value), deadline);
    }
  }
  // The bytes as they are, without pickling: for recv_bytes().
  void send_bytes(std::span<const std::byte> bytes, Deadline deadline = never);

  // Errors of both: EOFError when the other end is closed and all is received; TimeoutError;
  // RuntimeError for an end that is closed or only sends. recv(): PickleError if the message holds
  // something else than a T: it is lost. recv_bytes(): ValueError if it is longer than most: lost.
  template <class T>
  T recv(Deadline deadline = never) {
    detail::Message message = receive_message(deadline);
    pickle::InputArchive archive(message.bytes(), message.descriptors());
    return pickle::detail::read_value<T>(archive);
  }
  pickle::Bytes recv_bytes(std::size_t most = std::numeric_limits<std::size_t>::max(),
                           Deadline deadline = never);

  // Whether there is something to receive (the end of the other side counts), waiting for it until
  // the deadline; the default looks once.
  bool poll(Deadline deadline = std::chrono::seconds(0)) const;

  bool readable() const noexcept { return readable_; }
  bool writable() const noexcept { return writable_; }
  // The descriptor, owned by this object; -1 when closed.
  int fileno() const noexcept { return socket_.get(); }
  // Frees the descriptor. The other end receives what was sent, then EOFError. Not while another
  // thread is in a call.
  void close() noexcept { socket_.reset(); }
  bool closed() const noexcept { return !socket_; }
  explicit operator bool() const noexcept { return !closed(); }

  void save(pickle::OutputArchive& archive) const;
  static Connection load(pickle::InputArchive& archive);

 private:
  friend COEVAL_EXPORT std::pair<Connection, Connection> Pipe(bool duplex);

  void send_parcel(pickle::Parcel parcel, Deadline deadline);
  void send_pieces(const pickle::detail::Pieces& pieces, Deadline deadline);
  detail::Message receive_message(Deadline deadline);
  int open_end(bool allowed, const char* call) const;

  FileDescriptor socket_;
  bool readable_ = false;
  bool writable_ = false;
};

// "<Connection 7>", "<Connection 7 receives>", "<Connection closed>".
COEVAL_EXPORT std::string to_string(const Connection& connection);

// Two connected ends. With duplex both send and receive; without, the first only receives and the
// second only sends. Errors: std::system_error. Python's multiprocessing.Pipe.
COEVAL_EXPORT std::pair<Connection, Connection> Pipe(bool duplex = true);

namespace connection {

// What can be waited for: a Connection, or any descriptor that poll(2) knows, such as a process's
// sentinel() or a socket. Refers to it, and owns nothing.
class COEVAL_EXPORT Waitable {
 public:
  // Errors: ValueError for a closed one.
  Waitable(const Connection& connection);
  Waitable(const FileDescriptor& descriptor);
  Waitable(int fd);

  int fileno() const noexcept { return fd_; }
  friend bool operator==(const Waitable&, const Waitable&) = default;

 private:
  int fd_;
};

// Those that are ready to be read, or at their end, in the order given; waits until at least one is
// or until the deadline, and then returns none. Errors: ValueError for a descriptor that is not
// open; std::system_error. Python's multiprocessing.connection.wait.
COEVAL_EXPORT std::vector<Waitable> wait(std::span<const Waitable> waitables,
                                         Deadline deadline = never);
inline std::vector<Waitable> wait(std::initializer_list<Waitable> waitables,
                                  Deadline deadline = never) {
  return wait(std::span(waitables.begin(), waitables.size()), deadline);
}

}  // namespace connection
}  // namespace coeval::multiprocessing
