// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Process, and what a program can ask about its processes.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/detail/target.hpp>

#include <sys/types.h>

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {

namespace detail {
class ProcessState;
}

struct ProcessOptions {
  std::string name = {};  // shown in errors, ps and gdb; empty: "Process-1", "Process-2" …
  bool daemon = false;    // terminated at the end of this process, which does not wait for it
};

// A function that runs in a process of its own; Python's multiprocessing.Process.
//
//   void greet(const std::string& name) { std::printf("hello %s\n", name.c_str()); }
//
//   Process p(greet, "Bob");                        p.start();  p.join();  p.exitcode();  // 0
//   Process p({.name = "A", .daemon = true}, greet, "Bob");
//
// The child is this program, started again: it runs the static initialisers, then the function in
// place of main(), then the static destructors. It shares no variable with this process. It has
// this process's environment, working directory and umask as they are at start(), and what Linux
// keeps by thread (seccomp filters, no_new_privs, namespaces, capabilities, nice value, affinity) of
// the thread that calls it; /dev/null as standard input, this process's standard output and error
// (/dev/null where they are closed), and no other descriptor but those among the arguments. No
// signal is blocked, and SIGTERM ends it though this process ignores it.
//
// The target is a function, a lambda that captures nothing, or a function object that can be
// pickled. The arguments are pickled by the constructor, so they are copies: PickleError for what
// cannot cross. Queues, connections, locks and shared memory among them mean the same thing there.
// A handle passed as an rvalue is given away: this process no longer has it.
//
// An exception that leaves the target is printed with the process's name and its stack, and the
// exit code is 1; SystemExit and std::exit(n) give their own. Ctrl-C ends a child as it ends any
// program that handles no SIGINT. A child is killed when this process dies, however that happens and
// whatever the child has done to its user and its groups, and none remains as a zombie, even if nobody joins it.
//
// Thread-safe: any thread may call anything on any handle of the same process; one handle object is
// not assigned and used at the same time. Ownership is as Thread's: when the constructed handle and
// all its copies are gone, a started process that is no daemon is joined. At normal process exit
// daemons are terminated, and all others are joined.
class COEVAL_EXPORT Process {
 public:
  // A handle of no process; only assignment, comparison and operator bool are allowed. So is a
  // handle that was moved from. RuntimeError from everything else.
  Process() noexcept = default;

  // The process that will call target(arguments...); start() starts it.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, Process> &&
             !std::same_as<std::remove_cvref_t<F>, ProcessOptions>)
  explicit Process(F&& target, Args&&... arguments)
      : Process(ProcessOptions{}, std::forward<F>(target), std::forward<Args>(arguments)...) {}

  template <class F, class... Args>
  explicit Process(ProcessOptions options, F&& target, Args&&... arguments)
      : state_(make(std::move(options), detail::pack_target(std::forward<F>(target),
                                                            std::forward<Args>(arguments)...))) {}

  // Starts the process, which takes about a millisecond whatever the size of this one. Errors:
  // RuntimeError if it was started before, in a daemon, or if this program cannot start children
  // (the text says what to do); std::system_error if the kernel refuses: it may be tried again.
  void start();

  // Waits until the process has ended or until the deadline: whether it has. May be called any
  // number of times, by several threads. Errors: RuntimeError if it was not started, or is not a
  // child of this process (but the parent can be waited for).
  bool join(Deadline deadline = never) const;

  // Started and not ended. Errors: as join.
  bool is_alive() const;

  // Nothing before the end; then what main() would return, or minus the number of the signal that
  // killed it. 255 if the program took the end away from us by waiting for any child.
  std::optional<int> exitcode() const;

  // Nothing before start().
  std::optional<pid_t> pid() const;

  // SIGTERM and SIGKILL to the process; nothing happens if it has ended. Errors: RuntimeError if it
  // was not started; std::system_error EPERM if it changed its user.
  void terminate() const;
  void kill() const;

  // A descriptor that becomes readable when the process ends (a pidfd, which this object owns): for
  // connection::wait(), poll(2) or epoll(7). Errors: RuntimeError if it was not started.
  int sentinel() const;

  // Frees what this process keeps about it; afterwards RuntimeError from everything but close() and
  // name(). Errors: RuntimeError while it runs.
  void close();

  std::string name() const;
  void set_name(std::string name);  // before start(), to have an effect in the child

  bool daemon() const;
  // Errors: RuntimeError after start().
  void set_daemon(bool daemon);

  explicit operator bool() const noexcept { return state_ != nullptr; }
  // Whether both are handles of the same process.
  friend bool operator==(const Process& a, const Process& b) noexcept {
    return a.state_.get() == b.state_.get();
  }

  friend COEVAL_EXPORT std::string to_string(const Process& process);

 private:
  friend class detail::ProcessState;

  explicit Process(std::shared_ptr<detail::ProcessState> state) noexcept
      : state_(std::move(state)) {}

  static std::shared_ptr<detail::ProcessState> make(ProcessOptions options, pickle::Parcel target);
  detail::ProcessState& state() const;

  // Owning handles share one reference count, whose end joins the process; observing handles share
  // that of the state itself.
  std::shared_ptr<detail::ProcessState> state_;
};

// "<Process(Process-1, initial)>", "<Process(Process-1, started, pid 4711, daemon)>",
// "<Process(Process-1, stopped, exitcode -9)>".
COEVAL_EXPORT std::string to_string(const Process& process);

// The calling process: "MainProcess" unless it was started by a Process.
COEVAL_EXPORT Process current_process();

// The process that started this one by a Process; no process for the first one. It can be joined,
// but its exit code stays unknown.
COEVAL_EXPORT Process parent_process();

// The children of this process that are alive. A snapshot.
COEVAL_EXPORT std::vector<Process> active_children();

// How many processors this process may use; at least 1. Honours affinity and control groups.
COEVAL_EXPORT int cpu_count() noexcept;

}  // namespace coeval::multiprocessing
