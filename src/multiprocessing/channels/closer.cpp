// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/channels/closer.hpp"

#include "core/blocked_signals.hpp"
#include "core/detach_this_thread.hpp"
#include "multiprocessing/channels/packet_socket.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/threading/lock.hpp>

#include <pthread.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

class Closer {
 public:
  // This process's; a forked child gets one of its own. Null if there is no memory for it.
  static Closer* get() noexcept;

  // Where there is no memory, or no thread, for it, the caller closes.
  void take(FileDescriptor descriptor, Closing how) noexcept;

 private:
  // So many closes may hang before the others wait for one of them.
  static constexpr int most_threads = 16;

  struct One {
    FileDescriptor descriptor;
    Closing how = Closing::at_once;
  };

  bool start_thread() noexcept COEVAL_REQUIRES(lock_);
  static void* run(void* self) noexcept;
  // Closes until nothing waits.
  void serve() noexcept;
  One next() noexcept COEVAL_REQUIRES(lock_);

  threading::Lock lock_;
  std::vector<One> waiting_ COEVAL_GUARDED_BY(lock_);
  int threads_ COEVAL_GUARDED_BY(lock_) = 0;  // that have something to close, or look for it
};

// The calling process's.
atomic<Closer*> closer_now{nullptr};

Closer* Closer::get() noexcept {
  static const bool forks_are_seen = pthread_atfork(nullptr, nullptr, [] {
                                       closer_now.store(nullptr, std::memory_order_release);
                                     }) == 0;
  Closer* now = closer_now.load(std::memory_order_acquire);
  if (now == nullptr && forks_are_seen) {
    std::unique_ptr<Closer> fresh(new (std::nothrow) Closer);
    if (closer_now.compare_exchange_strong(now, fresh.get(), std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
      now = fresh.release();
    }
  }
  return now;
}

// A thread for each, since the others may all hang.
void Closer::take(FileDescriptor descriptor, Closing how) noexcept {
  One own{.descriptor = std::move(descriptor), .how = how};
  const threading::Guard guard(lock_);
  try {
    waiting_.push_back(std::move(own));
  } catch (const std::bad_alloc&) {
    return;
  }
  if (threads_ < most_threads && !start_thread() && threads_ == 0) {
    own = next();
  }
}

bool Closer::start_thread() noexcept {
  const BlockedSignals blocked(BlockedSignals::For::own_threads);
  pthread_t thread{};
  if (sys().thread_create(&thread, 0, &Closer::run, this) != 0) {
    return false;
  }
  ++threads_;
  return true;
}

Closer::One Closer::next() noexcept {
  One one = std::move(waiting_.back());
  waiting_.pop_back();
  return one;
}

void* Closer::run(void* self) noexcept {
  sys().thread_set_name(sys().thread_self(), "coeval-closer");
  coeval::detail::detach_this_thread();
  static_cast<Closer*>(self)->serve();
  return nullptr;
}

void Closer::serve() noexcept {
  while (true) {
    One one;
    {
      const threading::Guard guard(lock_);
      if (waiting_.empty()) {
        --threads_;
        return;
      }
      one = next();
    }
    if (one.how == Closing::at_once) {
      const linger off{.l_onoff = 0, .l_linger = 0};
      sys().descriptor.set_option(one.descriptor.get(), SOL_SOCKET, SO_LINGER, &off, sizeof off);
    }
  }
}

// Only files in memory can be sealed.
bool closes_at_once(const FileDescriptor& descriptor) noexcept {
  return sys().descriptor.seals(descriptor.get()) >= 0;
}

}  // namespace

void close_elsewhere(FileDescriptor descriptor, Closing how) noexcept {
  if (descriptor && !closes_at_once(descriptor)) {
    if (Closer* const closer = Closer::get()) {
      closer->take(std::move(descriptor), how);
    }
  }
}

void close_elsewhere(std::vector<FileDescriptor> descriptors, Closing how) noexcept {
  for (FileDescriptor& descriptor : descriptors) {
    close_elsewhere(std::move(descriptor), how);
  }
}

namespace {

// What lies at the front of a socket.
enum class Front : std::uint8_t { nothing, end, plain, with_descriptors };

// Needs no memory. The sender's credentials, which the socket asks for, come with each packet, also
// with an empty one, and not with the end; descriptors have no room beside them.
Front front_of(int fd) noexcept {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (sys().descriptor.receive(fd, &message, MSG_PEEK | MSG_DONTWAIT) < 0) {
    return Front::nothing;
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return Front::with_descriptors;
  }
  return message.msg_controllen != 0 ? Front::plain : Front::end;
}

// While a packet is looked at, it lies in the socket too: no close here is the last one.
void close_front_packet(const FileDescriptor& socket) {
  constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();
  pickle::Parcel packet = peek_packet(socket.get(), any_size, Deadline(std::chrono::seconds(0)));
  drop_packet(socket.get());
  close_elsewhere(std::move(packet.descriptors), Closing::at_once);
}

}  // namespace

void close_packet_socket(FileDescriptor socket) noexcept {
  constexpr int most_packets = 10'000;  // far more than the kernel keeps for one socket
  if (!socket) {
    return;
  }
  const int yes = 1;
  sys().descriptor.set_option(socket.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
  try {
    for (int i = 0; i < most_packets; ++i) {
      switch (front_of(socket.get())) {
        case Front::end:
          socket.reset();
          return;
        case Front::plain:
          drop_packet(socket.get());
          break;
        case Front::with_descriptors:
          close_front_packet(socket);
          break;
        case Front::nothing:
          i = most_packets;
          break;
      }
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): nonsense, or no room for it
  }
  close_elsewhere(std::move(socket), Closing::at_once);
}

}  // namespace coeval::multiprocessing::detail
