// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/processes/spawn_thread.hpp"

#include "core/blocked_signals.hpp"

#include <coeval/core/system.hpp>

#include <system_error>

namespace coeval::multiprocessing::detail {

int spawn_child(const SpawnRequest& request, SpawnedChild* child) noexcept {
  const int error = sys().process.spawn(request, &child->pid);
  if (error != 0) {
    return error;
  }
  // The child is not reaped yet, so its pid means nobody else.
  const int process = sys().process.open(child->pid);
  if (process < 0) {
    sys().process.discard(child->pid);
    return -process;
  }
  child->process.reset(process);
  return 0;
}

SpawnThread::SpawnThread(const SpawnRequest& request) : owner_(sys().getpid()), request_(request) {
  int error = 0;
  {
    const BlockedSignals blocked(BlockedSignals::For::own_threads);
    error = sys().thread_create(&thread_, 0, &SpawnThread::run, this);
  }
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "coeval::multiprocessing::Process::start: the kernel gives no thread");
  }
  spawned_.wait();
  if (error_ != 0) {
    end();
    throw std::system_error(error_, std::generic_category(),
                            "coeval::multiprocessing::Process::start: the kernel gives no process");
  }
}

SpawnThread::~SpawnThread() {
  if (sys().getpid() == owner_) {
    end();
  }
}

void* SpawnThread::run(void* self) noexcept {
  auto& thread = *static_cast<SpawnThread*>(self);
  sys().thread_set_name(sys().thread_self(), "coeval-child");
  thread.error_ = spawn_child(thread.request_, &thread.child_);
  thread.spawned_.set();
  thread.released_.wait();
  return nullptr;
}

void SpawnThread::end() noexcept {
  released_.set();
  sys().thread_join(thread_);
}

}  // namespace coeval::multiprocessing::detail
