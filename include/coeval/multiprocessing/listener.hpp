// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Listener and Client: connections between processes that are not parent and child.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/connection.hpp>

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

namespace coeval::multiprocessing {

struct ListenerOptions {
  int backlog = 16;       // clients that wait for accept() before further ones must wait to connect
  bool any_user = false;  // accepts clients of every user; else of the own one and of root
};

struct ClientOptions {
  bool any_user = false;  // trusts a listener of every user; else of the own one and of root
};

// Who is at the other end, as the kernel saw it at the moment of connecting. unix(7), SO_PEERCRED.
struct Peer {
  pid_t pid = 0;  // 0 for a process that this one's namespace does not show
  uid_t uid = 0;
  gid_t gid = 0;

  friend bool operator==(const Peer&, const Peer&) = default;
};

// Waits for connections; Python's multiprocessing.connection.Listener.
//
//   Listener listener("/run/user/1000/jobs.sock");      // one program
//   Connection client = listener.accept();
//   auto job = client.recv<Job>();
//
//   Connection server = Client("/run/user/1000/jobs.sock");  // another one
//   server.send(job);
//
// An address is the path of a UNIX socket, or "@" and a name without a file ("@jobs"), which ends
// with its listener and which all processes of the machine (of the network namespace) see. Without
// one the listener makes a fresh name: address() is what to tell the clients. Both programs need
// the same build of this library for typed values; bytes and descriptors need no such thing.
//
// The kernel says who connects, so there is no authkey: a client of another user is turned away and
// logged, and the others do not notice. A connecting client needs nothing but accept() to go on; one
// that says nothing or dies costs nobody else anything.
//
// The file of a path is made with the process's umask, takes the place of one that a dead listener
// left, and is removed with the listener, if it is still this one's and this is still the process
// that made it. Thread-safe: several threads may accept, and each client goes to one of them.
// Ownership: it owns its descriptor; it moves and does not copy.
class COEVAL_EXPORT Listener {
 public:
  // Errors: ValueError for a path or name above 107 bytes, an empty name, or a null byte in it;
  // std::system_error: EADDRINUSE when somebody listens there, or a file is there that is none of a
  // dead listener; ENOENT when there is no such folder; EACCES; EMFILE.
  explicit Listener(std::string address = {}, ListenerOptions options = {});

  // Moved from: as if closed, but without an address.
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  // The connection to the next client. Blocks until there is one. Errors: TimeoutError;
  // RuntimeError for a closed one; std::system_error, EMFILE when the process has too many
  // descriptors: the client goes on waiting for the next accept().
  Connection accept(Deadline deadline = never);

  // What a Client connects to.
  const std::string& address() const;
  // Whose connection the latest accept() of this object has returned; none before.
  std::optional<Peer> last_accepted() const;

  // The descriptor, owned by this object, which is readable when a client waits: for
  // connection::wait(), poll(2) or epoll(7). -1 when closed.
  int fileno() const noexcept;

  // Frees the descriptor and removes the file. Clients that are not accepted find their connection
  // at its end; connections that were accepted go on. Not while another thread is in a call.
  void close() noexcept;
  bool closed() const noexcept { return fileno() < 0; }

 private:
  struct State;

  State& state(const char* call) const;

  std::unique_ptr<State> state_;
};

// "<Listener '@jobs'>", "<Listener closed>".
COEVAL_EXPORT std::string to_string(const Listener& listener);

// Connects to a listener. Blocks only while its backlog is full. Errors: TimeoutError for that;
// ValueError for no address; std::system_error: ENOENT when the path does not exist, ECONNREFUSED
// when nobody listens there (any more), EACCES without the permission or when the listener is of
// another user, EPROTOTYPE when it is none of this library. Python's
// multiprocessing.connection.Client.
COEVAL_EXPORT Connection Client(const std::string& address, Deadline deadline = never);
COEVAL_EXPORT Connection Client(const std::string& address, ClientOptions options,
                                Deadline deadline = never);

}  // namespace coeval::multiprocessing
