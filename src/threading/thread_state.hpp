// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the handles of one thread share.

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/function.hpp>
#include <coeval/threading/detail/ident.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/thread.hpp>

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

namespace coeval::threading::detail {

enum class ThreadKind : std::uint8_t { ours, main, foreign };

// The life of a thread: initial → running → ended → reaping → reaped.
// 1. Only start() leaves initial, holding lock_; it returns there if the kernel refuses.
// 2. Only the thread itself sets ended (a foreign or main thread: reaped, as nobody joins those at
//    the kernel), after everything else that it does here; so pthread_ is valid until reaping.
// 3. Who changes ended to reaping calls pthread_join, once, and then sets reaped. From running
//    until reaped the registry holds a reference: the thread itself may use a plain pointer.
class ThreadState : public std::enable_shared_from_this<ThreadState> {
 public:
  static constexpr std::uint32_t initial = 0;
  static constexpr std::uint32_t running = 1;
  static constexpr std::uint32_t ended = 2;
  static constexpr std::uint32_t reaping = 3;
  static constexpr std::uint32_t reaped = 4;

  ThreadState(ThreadKind kind, ThreadOptions options, Function<void()> body);

  // A handle that observes.
  Thread handle() { return Thread(shared_from_this()); }

  void start();
  bool join(Deadline deadline);
  // Joins a started thread at the kernel, or waits for whoever does. Short once it has ended.
  void reap() noexcept;
  // The last owning handle is gone.
  void abandon() noexcept;

  bool is_alive() const noexcept { return status() == running; }
  bool is_initial() const noexcept { return status() == initial; }
  ThreadKind kind() const noexcept { return kind_; }

  std::string name() const;
  void set_name(std::string name);
  bool daemon() const noexcept { return daemon_.load(std::memory_order_relaxed); }
  void set_daemon(bool daemon);
  Ident ident() const noexcept { return ident_.load(std::memory_order_relaxed); }
  pid_t native_id() const noexcept;

  // On the thread itself: its first and last acts here. A thread that is not ours has them too.
  void begin(Ident ident) noexcept;
  void end() noexcept;
  // In a forked child: this thread was not copied, or was.
  void lost_in_fork() noexcept;
  void kept_in_fork() noexcept;

 private:
  friend class ThreadRegistry;

  static void* entry(void* state);
  void run();
  void call_body();
  std::string quoted_name() const;  // for errors: "thread 'A'"
  // acquire pairs with the release stores of a later status
  std::uint32_t status() const noexcept { return status_.load(std::memory_order_acquire); }
  void set_status(std::uint32_t status) noexcept;

  const ThreadKind kind_;
  const std::size_t stack_size_;
  atomic<std::uint32_t> status_{initial};
  atomic<Ident> ident_{0};
  // 0 until the thread runs; all ones if someone sleeps for that.
  mutable atomic<std::uint32_t> native_id_{0};
  atomic<bool> daemon_;    // constant from start() on
  Function<void()> body_;  // start() hands it to the thread

  mutable Lock lock_;
  std::string name_ COEVAL_GUARDED_BY(lock_);
  // Whether pthread_ may be given a name.
  bool named_ COEVAL_GUARDED_BY(lock_) = false;
  pthread_t pthread_ COEVAL_GUARDED_BY(lock_){};

  // The registry's, under its lock: which of its lists this is in, and where.
  std::list<std::shared_ptr<ThreadState>>* list_ = nullptr;
  std::list<std::shared_ptr<ThreadState>>::iterator place_;
  bool orphan_ = false;
};

// The calling thread's own; trivial, so that it is there until the thread's very end.
struct ThisThread {
  ThreadState* state = nullptr;
  struct LocalTable* locals = nullptr;
  Ident ident = 0;
};
extern constinit thread_local ThisThread this_thread;

inline constexpr Ident main_ident = 1;

// Gives a thread its number.
Ident new_ident() noexcept;

}  // namespace coeval::threading::detail
