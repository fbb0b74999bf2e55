// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/worker/stop_listener.hpp"

#include "core/blocked_signals.hpp"

namespace coeval::detail {

StopListener::Task::Task(StopListener& listener, std::uint32_t position) : listener_(listener) {
  {
    const threading::Guard guard(listener.lock_);
    listener.source_ = source_;
    listener.position_ = position;
  }
  if (!listener.thread_) {
    threading::Thread thread({.name = "stop", .daemon = true}, [&listener] { listener.listen(); });
    const BlockedSignals blocked(BlockedSignals::For::own_threads);
    thread.start();
    listener.thread_ = std::move(thread);
  }
  listener.look();  // it may have been asked already
}

StopListener::Task::~Task() {
  const threading::Guard guard(listener_.lock_);
  listener_.source_.reset();
}

void StopListener::listen() {
  while (true) {
    const std::uint32_t rings = side_.stop_rings();
    look();
    side_.wait_for_stop_ring(rings);
  }
}

// The functions that wait for the request are called without the lock.
void StopListener::look() {
  std::optional<std::stop_source> asked;
  {
    const threading::Guard guard(lock_);
    if (source_ && side_.is_asked_to_stop(position_)) {
      asked = source_;
    }
  }
  if (asked) {
    asked->request_stop();
  }
}

}  // namespace coeval::detail
