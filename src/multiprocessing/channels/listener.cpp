// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/listener.hpp>

#include "multiprocessing/channels/unix_address.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>
#include <coeval/threading/lock.hpp>

#include <fmt/format.h>

#include <poll.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing {
namespace {

[[noreturn]] void fail(int error, std::string_view what) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("coeval::multiprocessing::{}", what));
}

// Root can read and change the memory of every process anyhow.
bool is_trusted(const Peer& peer) noexcept {
  return peer.uid == 0 || peer.uid == sys().process.user();
}

Peer peer_of(const FileDescriptor& socket, const char* caller) {
  ucred found{};
  socklen_t size = sizeof found;
  if (const int error =
          sys().descriptor.get_option(socket.get(), SOL_SOCKET, SO_PEERCRED, &found, &size)) {
    fail(error, fmt::format("{}: who is at the other end: SO_PEERCRED", caller));
  }
  return {.pid = found.pid, .uid = found.uid, .gid = found.gid};
}

[[noreturn]] void fail_connect(int error, const std::string& address) {
  switch (error) {
    case ENOENT:
      fail(error, fmt::format("Client: there is no '{}'; start its listener first", address));
    case ECONNREFUSED:
      fail(error, fmt::format("Client: nobody listens at '{}'; start its listener first", address));
    case EACCES:
      fail(error, fmt::format("Client: no permission to connect to '{}'", address));
    case EPROTOTYPE:
      fail(error, fmt::format("Client: what listens at '{}' is no Listener", address));
    default:
      fail(error, fmt::format("Client: connecting to '{}'", address));
  }
}

// connect(2) sleeps for as long as a send would.
void limit_connect(const FileDescriptor& socket, Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline.remaining());
  const std::int64_t time = std::max<std::int64_t>(left.count(), 1);  // 0 would be for ever
  const timeval limit{.tv_sec = time / 1'000'000, .tv_usec = time % 1'000'000};
  if (const int error = sys().descriptor.set_option(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit,
                                                    sizeof limit)) {
    fail(error, "Client: SO_SNDTIMEO");
  }
}

}  // namespace

struct Listener::State {
  State(std::string address, ListenerOptions options);
  ~State() { close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void bind(const detail::UnixAddress& name);
  void close() noexcept;
  bool owns_file() const noexcept;
  void wait(Deadline deadline) const;

  const std::string address;
  const bool any_user;
  const pid_t maker;
  FileDescriptor socket;
  std::uint64_t device = 0;  // of the file; the inode is 0 if there is none
  std::uint64_t inode = 0;
  threading::Lock lock;
  std::optional<Peer> last COEVAL_GUARDED_BY(lock);
};

Listener::State::State(std::string where, ListenerOptions options)
    : address(where.empty() ? detail::fresh_address() : std::move(where)),
      any_user(options.any_user),
      maker(sys().getpid()) {
  const detail::UnixAddress name(address, "Listener");
  // Several may be woken by one client, and those who get none must not sleep in accept(2).
  socket = detail::unix_socket(SOCK_SEQPACKET | SOCK_NONBLOCK, "Listener");
  bind(name);
  int error = 0;
  if (name.has_file()) {
    mode_t mode = 0;
    error = sys().descriptor.look(name.path(), &device, &inode, &mode);
  }
  if (error == 0) {
    error = sys().descriptor.listen(socket.get(), options.backlog);
  }
  if (error != 0) {
    if (name.has_file()) {
      sys().descriptor.unlink(name.path());
    }
    fail(error, fmt::format("Listener: listening at '{}'", address));
  }
}

void Listener::State::bind(const detail::UnixAddress& name) {
  int error = name.bind(socket);
  if (error == EADDRINUSE && name.has_file()) {
    detail::remove_dead_socket(name);
    error = name.bind(socket);
  }
  if (error == EADDRINUSE) {
    fail(error, fmt::format("Listener: somebody listens at '{}'; give another address", address));
  }
  if (error == ENOENT) {
    fail(error, fmt::format("Listener: there is no folder for '{}'; make it first", address));
  }
  if (error != 0) {
    fail(error, fmt::format("Listener: bind to '{}'", address));
  }
}

// Nobody takes the file away from a process that is alive, unless by hand.
bool Listener::State::owns_file() const noexcept {
  std::uint64_t device_now = 0;
  std::uint64_t inode_now = 0;
  mode_t mode = 0;
  return inode != 0 && maker == sys().getpid() &&
         sys().descriptor.look(address.c_str(), &device_now, &inode_now, &mode) == 0 &&
         device_now == device && inode_now == inode;
}

// The file goes first: while the socket is there, nobody else may remove it.
void Listener::State::close() noexcept {
  if (socket && owns_file()) {
    sys().descriptor.unlink(address.c_str());
  }
  socket.reset();
}

void Listener::State::wait(Deadline deadline) const {
  pollfd ready{.fd = socket.get(), .events = POLLIN, .revents = 0};
  const int count = sys().descriptor.poll(&ready, 1, deadline.nanoseconds());
  if (count == 0) {
    throw TimeoutError(fmt::format(
        "coeval::multiprocessing::Listener::accept: no client came to '{}' in time", address));
  }
  if (count < 0 && count != -EINTR) {
    fail(-count, "Listener::accept: poll");
  }
}

Listener::Listener(std::string address, ListenerOptions options)
    : state_(std::make_unique<State>(std::move(address), options)) {}

Listener::Listener(Listener&& other) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept = default;
Listener::~Listener() = default;

Listener::State& Listener::state(const char* call) const {
  if (state_ == nullptr) {
    throw RuntimeError(
        fmt::format("coeval::multiprocessing::Listener::{}: this one was moved from", call));
  }
  return *state_;
}

Connection Listener::accept(Deadline deadline) {
  State& self = state("accept");
  if (!self.socket) {
    throw RuntimeError(fmt::format(
        "coeval::multiprocessing::Listener::accept: the one at '{}' is closed", self.address));
  }
  while (true) {
    const int fd = sys().descriptor.accept(self.socket.get(), nullptr, nullptr);
    if (fd == -EAGAIN) {
      self.wait(deadline);
      continue;
    }
    if (fd == -EINTR || fd == -ECONNABORTED) {
      continue;
    }
    if (fd < 0) {
      fail(-fd, fmt::format("Listener::accept: at '{}'; the client waits for the next call",
                            self.address));
    }
    FileDescriptor client(fd);
    const Peer peer = peer_of(client, "Listener::accept");
    if (self.any_user || is_trusted(peer)) {
      Connection connection(std::move(client));
      const threading::Guard guard(self.lock);
      self.last = peer;
      return connection;
    }
    log(Severity::warning, "coeval.multiprocessing",
        fmt::format("Listener at '{}': refused process {} of user {}; give .any_user to accept it",
                    self.address, peer.pid, peer.uid));
    if (deadline.expired()) {
      self.wait(Deadline(std::chrono::seconds(0)));
    }
  }
}

const std::string& Listener::address() const {
  return state("address").address;
}

std::optional<Peer> Listener::last_accepted() const {
  State& self = state("last_accepted");
  const threading::Guard guard(self.lock);
  return self.last;
}

int Listener::fileno() const noexcept {
  return state_ != nullptr ? state_->socket.get() : -1;
}

void Listener::close() noexcept {
  if (state_ != nullptr) {
    state_->close();
  }
}

std::string to_string(const Listener& listener) {
  return listener.closed() ? "<Listener closed>"
                           : fmt::format("<Listener '{}'>", listener.address());
}

Connection Client(const std::string& address, Deadline deadline) {
  return Client(address, ClientOptions{}, deadline);
}

Connection Client(const std::string& address, ClientOptions options, Deadline deadline) {
  const detail::UnixAddress name(address, "Client");
  const bool polls = deadline.nanoseconds() <= 0;
  FileDescriptor socket =
      detail::unix_socket(SOCK_SEQPACKET | (polls ? SOCK_NONBLOCK : 0), "Client");
  while (true) {
    if (!polls && !deadline.is_never()) {
      limit_connect(socket, deadline);
    }
    const int error = name.connect(socket);
    if (error == 0) {
      break;
    }
    if (error != EAGAIN && error != EINTR) {
      fail_connect(error, address);
    }
    if (deadline.expired()) {
      throw TimeoutError(fmt::format(
          "coeval::multiprocessing::Client: the listener at '{}' did not accept in time", address));
    }
  }
  const Peer peer = peer_of(socket, "Client");
  if (!options.any_user && !is_trusted(peer)) {
    fail(EACCES, fmt::format("Client: the listener at '{}' is of user {}; give .any_user to trust "
                             "it",
                             address, peer.uid));
  }
  return Connection(std::move(socket));
}

}  // namespace coeval::multiprocessing
