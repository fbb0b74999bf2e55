// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/processes/supervisor.hpp"

#include "core/blocked_signals.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>
#include <coeval/threading/thread.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <system_error>
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

Supervisor::Supervisor() {
  larger_.watched.reserve(1);
  const BlockedSignals blocked(BlockedSignals::For::own_threads);
  pthread_t thread{};
  const int error = sys().thread_create(&thread, 0, &Supervisor::run, this);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "coeval::multiprocessing: the thread that watches processes");
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
  bell_.ring();
}

std::vector<std::shared_ptr<ProcessState>> Supervisor::children() {
  const threading::Guard guard(lock_);
  return children_;
}

void Supervisor::reap(const std::shared_ptr<ProcessState>& child) noexcept {
  int code = 0;
  const int error = child->reap(&code);
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
  room.watched.assign(1, bell_.watched());
  for (const auto& child : room.running) {
    room.watched.push_back({.fd = child->pidfd(), .events = POLLIN, .revents = 0});
  }
}

// The kernel may have no memory for the wait, and refuses it for ever when RLIMIT_NOFILE was lowered
// below the number of children. Then everybody is looked at a little later.
void Supervisor::wait(std::vector<pollfd>& watched) noexcept {
  if (sys().descriptor.poll(watched.data(), watched.size(), bell_.latest(never_ns)) < 0) {
    bell_.wait_a_little();
    for (pollfd& each : watched) {
      each.revents = POLLIN;
    }
  }
}

void Supervisor::serve() noexcept {
  Room room;
  while (true) {
    bell_.listen();
    look_around(room);
    wait(room.watched);
    if (room.watched.front().revents != 0) {
      bell_.hear();
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
