// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Thread, and what a program can ask about its threads.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>
#include <coeval/threading/detail/call.hpp>

#include <sys/types.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::threading {

namespace detail {
class ThreadState;
}

struct ThreadOptions {
  std::string name = {};  // shown in errors, ps and gdb; empty: "Thread-1", "Thread-2" …
  bool daemon = false;    // neither handles nor the end of the process wait for it
  // Bytes of its stack, from 32 KiB; 0: the process's default (`ulimit -s`).
  std::size_t stack_size = 0;
};

// A thread of execution; Python's threading.Thread.
//
//   Thread t(worker, "A", 1s);                            t.start();  t.join();
//   Thread t({.name = "A", .daemon = true}, worker, …);
//
// Thread-safe: any thread may call anything on any handle of the same thread; one handle object is
// not assigned and used at the same time. An exception that leaves the function goes to
// excepthook() and ends this thread only.
//
// Ownership: a Thread is a handle, and its copies mean the same thread. When the constructed handle
// and all its copies are gone, a started thread that is no daemon is joined by whoever destroyed
// the last one (by the end of the process, if that was the thread itself). Handles that
// current_thread(), main_thread() and enumerate() return, and their copies, only observe. At normal
// process exit all threads but daemons are joined, before the destruction of static objects that
// were there when the first Thread was made. The callable and the arguments are copied by the
// constructor and destroyed in the thread as soon as the function has returned.
//
// join() blocks, and so may the last handle's destructor; native_id() blocks until the thread runs.
// A thread cannot be cancelled: give it an Event to look at.
class COEVAL_EXPORT Thread {
 public:
  // A handle of no thread; only assignment, comparison and operator bool are allowed. So is a
  // handle that was moved from. RuntimeError from everything else.
  Thread() noexcept = default;

  // The thread that will call f(args...); start() starts it. ValueError for a stack_size that is too
  // small.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, Thread> &&
             !std::same_as<std::remove_cvref_t<F>, ThreadOptions>)
  explicit Thread(F&& f, Args&&... args)
      : Thread(ThreadOptions{}, std::forward<F>(f), std::forward<Args>(args)...) {}

  template <class F, class... Args>
  explicit Thread(ThreadOptions options, F&& f, Args&&... args)
      : state_(make(std::move(options), body(std::forward<F>(f), std::forward<Args>(args)...))) {}

  // Starts the thread. Errors: RuntimeError if it was started before, or if the process is past the
  // joining of its threads; std::system_error if the kernel refuses: it may then be tried again.
  void start();

  // Waits until the thread has ended, its thread_local objects destroyed, or until the deadline:
  // whether it has. May be called any number of times, by several threads. Errors: RuntimeError
  // for a thread that was not started, for the calling thread, and for a thread that is not ours
  // (started by std::thread). Joining the main thread waits for the end of main().
  bool join(Deadline deadline = never) const;

  // Started and not ended.
  bool is_alive() const;

  // The name need not be unique. The kernel shows its first 15 bytes.
  std::string name() const;
  void set_name(std::string name);

  // A number that no other thread of this process ever has; nothing before start().
  std::optional<std::uint64_t> ident() const;
  // The kernel's id, as in ps and gdb; nothing before start(). Waits for the thread to run.
  std::optional<pid_t> native_id() const;

  // Whether the end of the process does not wait for it. Not inherited from the creating thread.
  bool daemon() const;
  // Errors: RuntimeError after start().
  void set_daemon(bool daemon);

  explicit operator bool() const noexcept { return state_ != nullptr; }
  // Whether both are handles of the same thread.
  friend bool operator==(const Thread& a, const Thread& b) noexcept {
    return a.state_.get() == b.state_.get();
  }

  friend COEVAL_EXPORT std::string to_string(const Thread& thread);

 private:
  friend class detail::ThreadState;
  friend struct std::hash<Thread>;

  explicit Thread(std::shared_ptr<detail::ThreadState> state) noexcept : state_(std::move(state)) {}

  template <class F, class... Args>
  static Function<void()> body(F&& f, Args&&... args) {
    static_assert(detail::callable_later<F, Args...>,
                  "coeval::threading::Thread: the callable cannot be called with moved copies of "
                  "these arguments; pass a reference with std::ref");
    return detail::call_later(std::forward<F>(f), std::forward<Args>(args)...);
  }
  static std::shared_ptr<detail::ThreadState> make(ThreadOptions options, Function<void()> body);
  detail::ThreadState& state() const;

  // Owning handles share one reference count, whose end joins the thread; observing handles
  // share that of the state itself.
  std::shared_ptr<detail::ThreadState> state_;
};

// "<Thread(A, started 7)>": name, then initial, started or stopped, "daemon" if so, and the ident.
COEVAL_EXPORT std::string to_string(const Thread& thread);

// The calling thread. One that was not started by a Thread gets the name "Dummy-N" and counts as
// a daemon: its creator looks after it.
COEVAL_EXPORT Thread current_thread();

// The thread that runs main(), "MainThread". In a forked child: the thread that forked.
COEVAL_EXPORT Thread main_thread();

// All threads that are alive: the main thread, started Threads, and other threads that have called
// current_thread(). A snapshot.
COEVAL_EXPORT std::vector<Thread> enumerate();
COEVAL_EXPORT std::size_t active_count();

// The calling thread's ident and native id.
COEVAL_EXPORT std::uint64_t get_ident() noexcept;
COEVAL_EXPORT pid_t get_native_id() noexcept;

namespace detail {

// Has function called at normal process exit before the remaining threads are joined, latest
// registered first; Python's threading._register_atexit. For executors, whose workers end only when
// told. Errors: RuntimeError once the exit has begun.
COEVAL_EXPORT void register_at_exit(Function<void()> function);

}  // namespace detail
}  // namespace coeval::threading

template <>
struct std::hash<coeval::threading::Thread> {
  std::size_t operator()(const coeval::threading::Thread& thread) const noexcept {
    return std::hash<coeval::threading::detail::ThreadState*>()(thread.state_.get());
  }
};
