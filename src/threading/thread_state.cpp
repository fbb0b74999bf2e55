// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "threading/thread_state.hpp"

#include "threading/orphans.hpp"
#include "threading/thread_registry.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>
#include <coeval/threading/detail/wait.hpp>
#include <coeval/threading/excepthook.hpp>

#include <cxxabi.h>
#include <fmt/format.h>

#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace coeval::threading::detail {
namespace {

constexpr std::uint32_t someone_waits = ~std::uint32_t{0};  // no native id

// The kernel keeps 15 bytes of a name; a UTF-8 character is not cut in half.
std::string kernel_name(const std::string& name) {
  constexpr std::size_t longest = 15;
  std::size_t size = name.size();
  if (size > longest) {
    size = longest;
    while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xC0U) == 0x80U) {
      --size;
    }
  }
  return name.substr(0, size);
}

}  // namespace

ThreadState::ThreadState(ThreadKind kind, ThreadOptions options, Function<void()> body)
    : kind_(kind),
      stack_size_(options.stack_size),
      daemon_(options.daemon),
      body_(std::move(body)),
      name_(std::move(options.name)) {}

void ThreadState::set_status(std::uint32_t status) noexcept {
  status_.store(status, std::memory_order_release);  // pairs with status() and wait_while()
  status_.notify_all();
}

std::string ThreadState::quoted_name() const {
  return fmt::format("thread '{}'", name());
}

std::string ThreadState::name() const {
  Guard guard(lock_);
  return name_;
}

void ThreadState::set_name(std::string name) {
  Guard guard(lock_);
  name_ = std::move(name);
  if (named_) {
    // A name is a help to the reader: a kernel without names is no reason to fail.
    static_cast<void>(sys().thread_set_name(pthread_, kernel_name(name_).c_str()));
  }
}

void ThreadState::set_daemon(bool daemon) {
  Guard guard(lock_);
  if (!is_initial()) {
    throw RuntimeError(fmt::format(
        "coeval::threading::Thread: set_daemon of started thread '{}'; call it before start()",
        name_));
  }
  daemon_.store(daemon, std::memory_order_relaxed);
}

pid_t ThreadState::native_id() const noexcept {
  std::uint32_t id = native_id_.load(std::memory_order_relaxed);
  while ((id == 0 || id == someone_waits) && !is_initial()) {
    if (id == someone_waits ||
        native_id_.compare_exchange_weak(id, someone_waits, std::memory_order_relaxed,
                                         std::memory_order_relaxed)) {
      native_id_.wait(someone_waits, never);
      id = native_id_.load(std::memory_order_relaxed);
    }
  }
  return id == someone_waits ? 0 : static_cast<pid_t>(id);
}

void ThreadState::start() {
  ThreadRegistry& registry = ThreadRegistry::get();
  if (!KeepOrphans::on_this_thread()) {
    registry.reap_orphans();
  }
  ThreadRegistry::Node node{shared_from_this()};
  {
    Guard guard(lock_);
    if (!is_initial()) {
      throw RuntimeError(fmt::format(
          "coeval::threading::Thread: thread '{}' was started before; make a new Thread", name_));
    }
    registry.add(node);
    ident_.store(new_ident(), std::memory_order_relaxed);
    status_.store(running, std::memory_order_release);
  }
  pthread_t thread{};
  if (const int error = sys().thread_create(&thread, stack_size_, &entry, this); error != 0) {
    const ThreadRegistry::Node dropped = registry.remove(*this);
    {
      Guard guard(lock_);
      ident_.store(0, std::memory_order_relaxed);
      set_status(initial);
    }
    native_id_.store(0, std::memory_order_relaxed);
    native_id_.notify_all();
    throw std::system_error(error, std::generic_category(),
                            "coeval::threading::Thread: pthread_create of " + quoted_name());
  }
}

bool ThreadState::join(Deadline deadline) {
  if (kind_ == ThreadKind::foreign) {
    throw RuntimeError("coeval::threading::Thread: join of " + quoted_name() +
                       ", which no Thread started; join it where it was started");
  }
  if (ident() == current_ident()) {
    throw RuntimeError("coeval::threading::Thread: " + quoted_name() +
                       " cannot join itself; it would wait for ever");
  }
  std::uint32_t seen = status();
  if (seen != initial) {
    seen = wait_while(status_, running, deadline);
  }
  if (seen == initial) {
    throw RuntimeError("coeval::threading::Thread: join of " + quoted_name() +
                       " before it was started; call start() first");
  }
  if (seen == running) {
    return false;
  }
  reap();
  return true;
}

void ThreadState::reap() noexcept {
  wait_while(status_, running, never);
  std::uint32_t expected = ended;
  // Invariant 3; acquire pairs with the release in set_status(ended).
  if (!status_.compare_exchange_strong(expected, reaping, std::memory_order_acquire,
                                       std::memory_order_acquire)) {
    wait_while(status_, reaping, never);
    return;
  }
  pthread_t thread{};
  {
    Guard guard(lock_);
    thread = pthread_;
  }
  if (const int error = sys().thread_join(thread); error != 0) {
    log(Severity::error, "coeval.threading",
        fmt::format("pthread_join of {}: {}", quoted_name(),
                    std::generic_category().message(error)));
  }
  const ThreadRegistry::Node dropped = ThreadRegistry::get().remove(*this);
  set_status(reaped);
}

void ThreadState::abandon() noexcept {
  if (is_initial()) {
    return;
  }
  if (daemon() || ident() == current_ident()) {
    ThreadRegistry::get().mark_orphan(*this);
  } else {
    reap();
  }
}

void ThreadState::begin(Ident ident) noexcept {
  this_thread.state = this;
  this_thread.ident = ident;
  ident_.store(ident, std::memory_order_relaxed);
  if (kind_ == ThreadKind::ours) {
    Guard guard(lock_);
    pthread_ = ThreadRegistry::this_pthread();
    named_ = true;
    static_cast<void>(sys().thread_set_name(pthread_, kernel_name(name_).c_str()));
  }
  const auto id = static_cast<std::uint32_t>(sys().gettid());
  if (native_id_.exchange(id, std::memory_order_relaxed) == someone_waits) {
    native_id_.notify_all();
  }
}

void ThreadState::end() noexcept {
  {
    Guard guard(lock_);
    named_ = false;
  }
  ThreadRegistry& registry = ThreadRegistry::get();
  if (kind_ == ThreadKind::ours) {
    registry.retire(*this);
    set_status(ended);  // from here on others may reap; the registry's reference holds until then
    return;
  }
  const ThreadRegistry::Node dropped = registry.remove(*this);
  set_status(reaped);
  if (kind_ == ThreadKind::foreign) {
    this_thread.state = nullptr;
  }
}

// Locks that other threads held at the fork are held by nobody now.
void ThreadState::lost_in_fork() noexcept {
  ::new (&lock_) Lock;
  status_.store(reaped, std::memory_order_relaxed);
}

void ThreadState::kept_in_fork() noexcept {
  ::new (&lock_) Lock;
  this_thread.state = this;
  ident_.store(current_ident(), std::memory_order_relaxed);
  native_id_.store(static_cast<std::uint32_t>(sys().gettid()), std::memory_order_relaxed);
}

void* ThreadState::entry(void* argument) {
  auto& state = *static_cast<ThreadState*>(argument);
  state.begin(state.ident());
  // Without a thread-specific value the end is announced here: also when pthread_exit or
  // pthread_cancel unwinds this thread, but before its thread_local objects are destroyed.
  struct Fallback {
    bool watched;
    ~Fallback() {
      if (!watched) {
        ThreadRegistry::at_thread_end();
      }
    }
  } const fallback{ThreadRegistry::get().watch_this_thread()};
  state.run();
  return nullptr;
}

void ThreadState::run() {
  std::exception_ptr error;
  try {
    call_body();
  } catch (abi::__forced_unwind&) {
    throw;  // pthread_exit and pthread_cancel: to be passed on, or the program is terminated
  } catch (...) {
    error = std::current_exception();
  }
  if (error != nullptr) {
    excepthook({.exception = std::move(error), .thread = handle()});
  }
}

// The callable and the arguments are destroyed when this returns, however it does.
void ThreadState::call_body() {
  Function<void()> body = std::move(body_);
  body();
}

}  // namespace coeval::threading::detail
