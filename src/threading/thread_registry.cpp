// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "threading/thread_registry.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace coeval::threading::detail {
namespace {

void require(int error, const char* call) {
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            fmt::format("coeval::threading: {}", call));
  }
}

}  // namespace

ThreadRegistry& ThreadRegistry::get() {
  static ThreadRegistry& registry = *new ThreadRegistry;
  return registry;
}

ThreadRegistry::ThreadRegistry() {
  main_ =
      std::make_shared<ThreadState>(ThreadKind::main, ThreadOptions{.name = "MainThread"}, nullptr);
  main_->ident_.store(main_ident, std::memory_order_relaxed);
  main_->native_id_.store(static_cast<std::uint32_t>(sys().getpid()), std::memory_order_relaxed);
  main_->status_.store(ThreadState::running, std::memory_order_relaxed);
  Node node{main_};
  move_in(*main_, node, alive_);
  require(pthread_key_create(&key_, [](void*) { at_thread_end(); }), "pthread_key_create");
  require(pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child),
          "pthread_atfork");
  if (std::atexit([] { at_process_exit(); }) != 0) {
    throw std::bad_alloc();
  }
}

bool ThreadRegistry::watch_this_thread() noexcept {
#if defined(COEVAL_ATOMIC_HEADER)
  return false;  // the schedule checker's threads have no thread-specific values
#else
  return pthread_setspecific(key_, this) == 0;
#endif
}

pthread_t ThreadRegistry::this_pthread() noexcept {
  return sys().thread_self();
}

// Runs after the destructors of the thread's thread_local objects (pthread_key_create(3p)); again
// if a later destructor of another key has made a value of local<T>.
void ThreadRegistry::at_thread_end() noexcept {
  destroy_locals();
  if (this_thread.state != nullptr && this_thread.state->is_alive()) {
    this_thread.state->end();
  }
}

void ThreadRegistry::move_in(ThreadState& state, Node& from, Node& to) noexcept {
  state.place_ = from.begin();
  state.list_ = &to;
  to.splice(to.end(), from, state.place_);
}

void ThreadRegistry::add(Node& node) {
  Guard guard(lock_);
  if (closed_) {
    throw RuntimeError("coeval::threading::Thread: the process is ending; start threads earlier");
  }
  move_in(*node.front(), node, alive_);
}

void ThreadRegistry::retire(ThreadState& state) noexcept {
  Guard guard(lock_);
  Node& to = state.orphan_ ? orphans_ : ended_;
  to.splice(to.end(), *state.list_, state.place_);
  state.list_ = &to;
}

ThreadRegistry::Node ThreadRegistry::remove(ThreadState& state) noexcept {
  Node removed;
  Guard guard(lock_);
  if (state.list_ != nullptr) {
    removed.splice(removed.end(), *state.list_, state.place_);
    state.list_ = nullptr;
  }
  return removed;
}

void ThreadRegistry::mark_orphan(ThreadState& state) noexcept {
  Guard guard(lock_);
  state.orphan_ = true;
  if (state.list_ == &ended_) {
    orphans_.splice(orphans_.end(), ended_, state.place_);
    state.list_ = &orphans_;
  }
}

std::shared_ptr<ThreadState> ThreadRegistry::next_orphan() {
  Guard guard(lock_);
  for (const std::shared_ptr<ThreadState>& state : orphans_) {
    if (state.get() != this_thread.state) {
      return state;
    }
  }
  return nullptr;
}

void ThreadRegistry::reap_orphans() noexcept {
  while (const std::shared_ptr<ThreadState> state = next_orphan()) {
    state->reap();
  }
}

ThreadState& ThreadRegistry::current() {
  if (this_thread.state == nullptr) {
    if (const std::shared_ptr<ThreadState> main = main_state(); main->ident() == current_ident()) {
      this_thread.state = main.get();          // which main_ keeps
      static_cast<void>(watch_this_thread());  // for a main thread that ends by pthread_exit
    } else {
      static atomic<unsigned> dummies{0};
      Node node{std::make_shared<ThreadState>(
          ThreadKind::foreign,
          ThreadOptions{
              .name = fmt::format("Dummy-{}", dummies.fetch_add(1, std::memory_order_relaxed) + 1),
              .daemon = true},
          nullptr)};
      ThreadState& state = *node.front();
      if (!watch_this_thread()) {
        throw std::system_error(ENOMEM, std::generic_category(),
                                "coeval::threading::current_thread: pthread_setspecific");
      }
      state.status_.store(ThreadState::running, std::memory_order_relaxed);
      Guard guard(lock_);
      move_in(state, node, alive_);
      state.begin(current_ident());
    }
  }
  return *this_thread.state;
}

std::shared_ptr<ThreadState> ThreadRegistry::main_state() {
  Guard guard(lock_);
  return main_;
}

std::vector<Thread> ThreadRegistry::alive() {
  std::vector<Thread> threads;
  Guard guard(lock_);
  threads.reserve(alive_.size());
  for (const std::shared_ptr<ThreadState>& state : alive_) {
    threads.push_back(state->handle());
  }
  return threads;
}

std::size_t ThreadRegistry::alive_count() {
  Guard guard(lock_);
  return alive_.size();
}

void ThreadRegistry::register_at_exit(Function<void()> function) {
  Guard guard(lock_);
  if (exiting_) {
    throw RuntimeError("coeval::threading: the process is ending; register earlier");
  }
  at_exit_.push_back(std::move(function));
}

// Python's order: the main thread is over, then the registered functions, then the joins.
void ThreadRegistry::at_process_exit() noexcept {
  ThreadRegistry& registry = get();
  if (const std::shared_ptr<ThreadState> main = registry.main_state();
      main->ident() == current_ident() && main->is_alive()) {
    main->end();
  }
  std::vector<Function<void()>> functions;
  {
    Guard guard(registry.lock_);
    registry.exiting_ = true;
    functions = std::move(registry.at_exit_);
  }
  for (auto function = functions.rbegin(); function != functions.rend(); ++function) {
    try {
      (*function)();
    } catch (...) {
      log(Severity::error, "coeval.threading",
          "exception at process exit: " + describe(std::current_exception()));
    }
  }
  while (const std::shared_ptr<ThreadState> state = registry.next_to_join()) {
    state->reap();
  }
  registry.reap_orphans();
}

// A thread to wait for, except the calling one: one that is alive or, when there is none and no
// more may start, one that has ended without being joined.
std::shared_ptr<ThreadState> ThreadRegistry::next_to_join() {
  const auto first = [](const Node& list, bool daemons) -> std::shared_ptr<ThreadState> {
    const auto found = std::find_if(list.begin(), list.end(), [&](const auto& state) {
      return state->kind() == ThreadKind::ours && state.get() != this_thread.state &&
             (daemons || !state->daemon());
    });
    return found != list.end() ? *found : nullptr;
  };
  Guard guard(lock_);
  if (std::shared_ptr<ThreadState> alive = first(alive_, false)) {
    return alive;
  }
  closed_ = true;
  return first(ended_, true);
}

// The forking thread holds the library's locks over the fork, so that in the child, where it is
// alone, they are free and what they guard is whole.
void ThreadRegistry::before_fork() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  current_ident();  // so that the child's main thread is not taken for the parent's
  lock_locals();
  get().lock_.lock();
}

void ThreadRegistry::after_fork_in_parent() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  get().lock_.unlock();
  unlock_locals();
}

void ThreadRegistry::after_fork_in_child() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  ThreadRegistry& registry = get();
  ThreadState* const self = this_thread.state != nullptr ? this_thread.state : registry.main_.get();
  Node lost;
  for (Node* list : {&registry.alive_, &registry.ended_, &registry.orphans_}) {
    for (auto place = list->begin(); place != list->end();) {
      const auto next = std::next(place);
      if (place->get() != self) {
        (*place)->lost_in_fork();
        (*place)->list_ = nullptr;
        lost.splice(lost.end(), *list, place);
      }
      place = next;
    }
  }
  registry.main_ = self->shared_from_this();
  self->kept_in_fork();
  registry.lock_.unlock();
  unlock_locals();
}

}  // namespace coeval::threading::detail
