// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "supervisor.hpp"

#include "packet_socket.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>
#include <coeval/threading/thread.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

constexpr int unknown_exitcode = 255;

struct InForce {
  threading::Lock lock;
  Supervisor* supervisor COEVAL_GUARDED_BY(lock) = nullptr;
  bool ends_with_process COEVAL_GUARDED_BY(lock) = false;
};

// The calling process's. A forked child begins without one, and makes it when it needs it.
atomic<InForce*> in_force_now{nullptr};

InForce& in_force() {
  static const bool forks_are_seen = [] {
    if (pthread_atfork(nullptr, nullptr,
                       [] { in_force_now.store(nullptr, std::memory_order_release); }) != 0) {
      throw std::bad_alloc();
    }
    return true;
  }();
  static_cast<void>(forks_are_seen);
  InForce* now = in_force_now.load(std::memory_order_acquire);
  if (now == nullptr) {
    auto fresh = std::make_unique<InForce>();
    if (in_force_now.compare_exchange_strong(now, fresh.get(), std::memory_order_acq_rel,
                                             std::memory_order_acquire)) {
      now = fresh.release();
    }
  }
  return *now;
}

}  // namespace

// A forked child has no such thread and starts its own. Two threads that both need the first one
// would both make it: the lock is taken for that. It may be held by a thread that a fork left
// behind, so it belongs to the process that the supervisor is of.
Supervisor& Supervisor::get() {
  InForce& now = in_force();
  const threading::Guard guard(now.lock);
  if (!now.ends_with_process) {
    threading::detail::register_at_exit(&Supervisor::at_exit);
    now.ends_with_process = true;
  }
  if (now.supervisor == nullptr) {
    now.supervisor = new Supervisor;
  }
  return *now.supervisor;
}

Supervisor* Supervisor::known() noexcept {
  InForce* const now = in_force_now.load(std::memory_order_acquire);
  if (now == nullptr) {
    return nullptr;
  }
  const threading::Guard guard(now->lock);
  return now->supervisor;
}

// All signals are blocked while the thread is made, so that it never runs a handler of the program.
Supervisor::Supervisor() {
  larger_.watched.reserve(1);
  std::tie(bell_, heard_) = packet_sockets();
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  sys().process.signal_mask(&before);
  sys().process.block_signals(&all);
  pthread_t thread{};
  const int error = sys().thread_create(&thread, &Supervisor::run, this);
  sys().process.block_signals(&before);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "coeval::multiprocessing: the thread that starts processes");
  }
  sys().thread_set_name(thread, "coeval-children");
}

void* Supervisor::run(void* self) noexcept {
  static_cast<Supervisor*>(self)->serve();
  return nullptr;
}

// Python's order: daemons are told to end, then everybody is waited for. A child that is started
// meanwhile by a thread of this process is waited for as well.
void Supervisor::at_exit() {
  if (known() == nullptr) {
    return;  // a forked child that has started no process
  }
  Supervisor& self = *known();
  for (const auto& child : self.children()) {
    if (child->daemon()) {
      try {
        child->send_signal(SIGTERM, "the end of the process");
      } catch (const std::exception& error) {
        log(Severity::error, "coeval.multiprocessing", error.what());
      }
    }
  }
  for (auto running = self.children(); !running.empty(); running = self.children()) {
    running.front()->join(never);
  }
}

Supervisor::Started Supervisor::spawn(const SpawnRequest& request) {
  Order order{.request = &request, .started = {}, .error = 0, .done = {}};
  {
    const threading::Guard guard(lock_);
    (last_order_ != nullptr ? last_order_->next : first_order_) = &order;
    last_order_ = &order;
  }
  wake();
  order.done.wait();
  if (order.error != 0) {
    throw std::system_error(order.error, std::generic_category(),
                            "coeval::multiprocessing::Process::start: the kernel gives no process");
  }
  return std::move(order.started);
}

Supervisor::Place Supervisor::reserve() {
  constexpr std::size_t first_size = 16;
  const threading::Guard guard(lock_);
  const std::size_t needed = children_.size() + places_ + 1;
  if (needed > capacity_) {
    const std::size_t size = std::max(first_size, 2 * needed);
    Room room;
    room.watched.reserve(size + 1);
    room.running.reserve(size);
    children_.reserve(size);
    larger_ = std::move(room);
    capacity_ = size;
  }
  ++places_;
  return Place(*this);
}

Supervisor::Place::~Place() {
  if (supervisor_ != nullptr) {
    const threading::Guard guard(supervisor_->lock_);
    --supervisor_->places_;
  }
}

void Supervisor::watch(Place place, std::shared_ptr<ProcessState> child) noexcept {
  {
    const threading::Guard guard(lock_);
    children_.push_back(std::move(child));  // has the room
    place.supervisor_ = nullptr;
    --places_;
  }
  wake();
}

std::vector<std::shared_ptr<ProcessState>> Supervisor::children() {
  const threading::Guard guard(lock_);
  return children_;
}

// Both ends are there for ever and the thread always listens, so every error is one that passes: the
// kernel has no memory, a signal came, the bell is full of rings.
void Supervisor::wake() noexcept {
  char ring = 1;
  iovec part{.iov_base = &ring, .iov_len = 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ssize_t sent = 0;
  do {
    sent = sys().descriptor.send(bell_.get(), &message, MSG_DONTWAIT);
  } while (sent < 0);
}

void Supervisor::start_ordered() noexcept {
  Order* next = nullptr;
  {
    const threading::Guard guard(lock_);
    next = std::exchange(first_order_, nullptr);
    last_order_ = nullptr;
  }
  while (next != nullptr) {
    Order* const order = next;
    next = order->next;  // it is gone when it is done
    order->error = sys().process.spawn(*order->request, &order->started.pid);
    if (order->error == 0) {
      // The child is not reaped yet, so its pid means nobody else.
      const int process = sys().process.open(order->started.pid);
      order->started.process.reset(process);
      if (process < 0) {
        order->error = -process;
        sys().process.discard(order->started.pid);
      }
    }
    order->done.set();
  }
}

void Supervisor::reap(const std::shared_ptr<ProcessState>& child) noexcept {
  int code = 0;
  const int error = sys().process.reap(child->pidfd(), &code);
  if (error == EAGAIN) {
    return;
  }
  if (error != 0) {
    // Somebody else has waited for it, or SIGCHLD is ignored.
    code = child->reported_exitcode().value_or(unknown_exitcode);
  }
  {
    const threading::Guard guard(lock_);
    std::erase(children_, child);
  }
  child->ended(code);
}

// Takes the bell and the children that run now, without allocating.
void Supervisor::look_around(Room& room) noexcept {
  Room smaller;
  {
    const threading::Guard guard(lock_);
    if (larger_.watched.capacity() > room.watched.capacity()) {
      smaller = std::exchange(room, std::exchange(larger_, {}));
    }
    room.running.assign(children_.begin(), children_.end());
  }
  room.watched.assign(1, {.fd = heard_.get(), .events = POLLIN, .revents = 0});
  for (const auto& child : room.running) {
    room.watched.push_back({.fd = child->pidfd(), .events = POLLIN, .revents = 0});
  }
}

// The kernel may have no memory for the wait, and refuses it for ever when RLIMIT_NOFILE was lowered
// below the number of children. Then everybody is looked at a little later.
void Supervisor::wait(std::vector<pollfd>& watched) noexcept {
  constexpr std::int64_t a_little = 10'000'000;
  if (sys().descriptor.poll(watched.data(), watched.size(), never_ns) < 0) {
    sys().descriptor.poll(watched.data(), 1, sys().monotonic_ns() + a_little);
    for (pollfd& each : watched) {
      each.revents = POLLIN;
    }
  }
}

void Supervisor::serve() noexcept {
  Room room;
  while (true) {
    look_around(room);
    wait(room.watched);
    if (room.watched.front().revents != 0) {
      std::array<char, 64> rings;
      iovec part{.iov_base = rings.data(), .iov_len = rings.size()};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      while (sys().descriptor.receive(heard_.get(), &message, MSG_DONTWAIT) > 0) {
      }
      start_ordered();
    }
    for (std::size_t i = 0; i < room.running.size(); ++i) {
      if (room.watched[i + 1].revents != 0) {
        reap(room.running[i]);
      }
    }
    room.running.clear();
  }
}

}  // namespace coeval::multiprocessing::detail
