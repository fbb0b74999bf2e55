// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// All threads that the library knows, from start to reaping; and the ends: of a thread, of the
// process, and of all other threads in a forked child.

#include "threading/thread_state.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/function.hpp>
#include <coeval/threading/lock.hpp>

#include <pthread.h>

#include <cstddef>
#include <list>
#include <memory>
#include <vector>

namespace coeval::threading::detail {

class ThreadRegistry {
 public:
  // Made at first use, never destroyed: threads may outlive static objects.
  // Errors: std::system_error if the C library gives no thread-specific key.
  static ThreadRegistry& get();

  using Node = std::list<std::shared_ptr<ThreadState>>;

  // Calls at_thread_end() for the calling thread after its thread_local objects are destroyed:
  // whether that could be arranged.
  bool watch_this_thread() noexcept;
  static void at_thread_end() noexcept;
  static pthread_t this_pthread() noexcept;

  // A thread that is about to run. node holds it and nothing else.
  // Errors: RuntimeError after the end of the process's joining.
  void add(Node& node);
  // It has ended. Threads of ours stay until they are reaped.
  void retire(ThreadState& state) noexcept;
  // It did not run after all, is reaped, or is not ours. Returns the registry's reference.
  Node remove(ThreadState& state) noexcept;
  // No handle will join it: reap_orphans() will.
  void mark_orphan(ThreadState& state) noexcept;
  // Joins at the kernel the orphans that have ended.
  void reap_orphans() noexcept;

  ThreadState& current();
  std::shared_ptr<ThreadState> main_state();
  std::vector<Thread> alive();
  std::size_t alive_count();
  void register_at_exit(Function<void()> function);

 private:
  ThreadRegistry();

  static void at_process_exit() noexcept;
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;

  std::shared_ptr<ThreadState> next_to_join();
  std::shared_ptr<ThreadState> next_orphan();
  static void move_in(ThreadState& state, Node& from, Node& to) noexcept;

  pthread_key_t key_{};
  Lock lock_;
  std::shared_ptr<ThreadState> main_ COEVAL_GUARDED_BY(lock_);
  Node alive_ COEVAL_GUARDED_BY(lock_);    // in the order of their start
  Node ended_ COEVAL_GUARDED_BY(lock_);    // of ours, to be reaped by a handle
  Node orphans_ COEVAL_GUARDED_BY(lock_);  // of ours, ended, to be reaped by reap_orphans()
  std::vector<Function<void()>> at_exit_ COEVAL_GUARDED_BY(lock_);
  bool exiting_ COEVAL_GUARDED_BY(lock_) = false;  // the functions of at_exit_ are being called
  bool closed_ COEVAL_GUARDED_BY(lock_) = false;   // all threads are joined: none may start
};

// Destroys the calling thread's values of local<T>; see local.cpp.
void destroy_locals() noexcept;
// Around a fork: nobody else is inside the tables of local<T>.
void lock_locals() noexcept;
void unlock_locals() noexcept;

}  // namespace coeval::threading::detail
