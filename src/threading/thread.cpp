// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/thread.hpp>

#include "threading/stack_size.hpp"
#include "threading/thread_registry.hpp"
#include "threading/thread_state.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

namespace coeval::threading {
namespace {

// What owning handles share.
struct Owner {
  explicit Owner(std::shared_ptr<detail::ThreadState> owned) : state(std::move(owned)) {}
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  ~Owner() { state->abandon(); }

  std::shared_ptr<detail::ThreadState> state;
};

std::string default_name() {
  static atomic<unsigned> threads{0};
  return fmt::format("Thread-{}", threads.fetch_add(1, std::memory_order_relaxed) + 1);
}

}  // namespace

std::shared_ptr<detail::ThreadState> Thread::make(ThreadOptions options, Function<void()> body) {
  detail::require_stack_size(options.stack_size, "coeval::threading::Thread");
  detail::ThreadRegistry::get();  // what may fail, fails now
  if (options.name.empty()) {
    options.name = default_name();
  }
  auto owner = std::make_shared<Owner>(std::make_shared<detail::ThreadState>(
      detail::ThreadKind::ours, std::move(options), std::move(body)));
  detail::ThreadState* const state = owner->state.get();
  return {std::move(owner), state};
}

detail::ThreadState& Thread::state() const {
  if (state_ == nullptr) {
    throw RuntimeError(
        "coeval::threading::Thread: this handle is of no thread; it was moved from or never given "
        "one");
  }
  return *state_;
}

void Thread::start() {
  state().start();
}
bool Thread::join(Deadline deadline) const {
  return state().join(deadline);
}
bool Thread::is_alive() const {
  return state().is_alive();
}
std::string Thread::name() const {
  return state().name();
}
void Thread::set_name(std::string name) {
  state().set_name(std::move(name));
}
bool Thread::daemon() const {
  return state().daemon();
}
void Thread::set_daemon(bool daemon) {
  state().set_daemon(daemon);
}

std::optional<std::uint64_t> Thread::ident() const {
  const detail::Ident ident = state().ident();
  return ident != 0 ? std::optional(ident) : std::nullopt;
}

std::optional<pid_t> Thread::native_id() const {
  const pid_t id = state().native_id();
  return id != 0 ? std::optional(id) : std::nullopt;
}

std::string to_string(const Thread& thread) {
  if (!thread) {
    return "<Thread none>";
  }
  const detail::ThreadState& state = thread.state();
  const char* const daemon = state.daemon() ? " daemon" : "";
  if (state.is_initial()) {
    return fmt::format("<Thread({}, initial{})>", state.name(), daemon);
  }
  return fmt::format("<Thread({}, {}{} {})>", state.name(),
                     state.is_alive() ? "started" : "stopped", daemon, state.ident());
}

Thread current_thread() {
  return detail::ThreadRegistry::get().current().handle();
}
Thread main_thread() {
  return detail::ThreadRegistry::get().main_state()->handle();
}
std::vector<Thread> enumerate() {
  return detail::ThreadRegistry::get().alive();
}
std::size_t active_count() {
  return detail::ThreadRegistry::get().alive_count();
}
std::uint64_t get_ident() noexcept {
  return detail::current_ident();
}
pid_t get_native_id() noexcept {
  return sys().gettid();
}

void detail::register_at_exit(Function<void()> function) {
  ThreadRegistry::get().register_at_exit(std::move(function));
}

}  // namespace coeval::threading
