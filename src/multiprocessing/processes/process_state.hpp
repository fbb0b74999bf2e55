// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Process handle is a handle of: a child, this process itself, or its parent.

#include "multiprocessing/processes/spawn_thread.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/pickle/parcel.hpp>
#include <coeval/threading/event.hpp>
#include <coeval/threading/lock.hpp>

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace coeval::multiprocessing::detail {

enum class ProcessKind : std::uint8_t { child, current, parent };

// What a child is for. A worker of a pool is started by a thread that outlives it, and begins with
// the signals blocked that it answers in its own way.
enum class ChildKind : std::uint8_t { process, worker };

// Thread-safe.
class ProcessState : public std::enable_shared_from_this<ProcessState> {
 public:
  // A child that is not started.
  ProcessState(std::string name, bool daemon, pickle::Parcel target);
  // This process (its descriptor is none) or its parent.
  ProcessState(ProcessKind kind, std::string name, bool daemon, pid_t pid, FileDescriptor process);

  // A handle whose last copy joins the child, and one that only observes.
  static std::shared_ptr<ProcessState> owning(std::shared_ptr<ProcessState> state);
  Process handle();

  void start(ChildKind kind);
  static void start_worker(const Process& worker) { worker.state().start(ChildKind::worker); }
  bool join(Deadline deadline);
  void close();
  void send_signal(int number, const char* caller);
  int sentinel();

  ProcessKind kind() const noexcept { return kind_; }
  bool is_initial();
  bool is_alive();
  std::optional<int> exitcode();
  std::optional<pid_t> pid();
  std::string name();
  void set_name(std::string name);
  bool daemon();
  void set_daemon(bool daemon);

  // For the supervisor. The process has ended; the pidfd stays readable for sentinel().
  void ended(int exitcode) noexcept;
  int pidfd() noexcept;
  // ProcessCalls::reap(). Afterwards no signal is sent any more: the pid may be another process's.
  int reap(int* exitcode) noexcept;
  // The end of the line to the child, to read the exit code that the child itself reported.
  std::optional<int> reported_exitcode() noexcept;

 private:
  enum class Status : std::uint8_t { initial, started, ended, closed };

  // Errors: RuntimeError with caller's name if the call makes no sense here.
  void require_started(const char* caller) COEVAL_REQUIRES(lock_);
  void require_ours(const char* caller);
  bool hang_up() noexcept COEVAL_REQUIRES(lock_);
  void own_join() noexcept;

  const ProcessKind kind_;
  threading::Lock lock_;
  Status status_ COEVAL_GUARDED_BY(lock_) = Status::initial;
  std::string name_ COEVAL_GUARDED_BY(lock_);
  bool daemon_ COEVAL_GUARDED_BY(lock_);
  pickle::Parcel target_ COEVAL_GUARDED_BY(lock_);  // empty once started
  pid_t pid_ COEVAL_GUARDED_BY(lock_) = 0;
  pid_t starter_ COEVAL_GUARDED_BY(lock_) = 0;  // the process whose child it is
  int exitcode_ COEVAL_GUARDED_BY(lock_) = 0;
  bool is_reaped_ COEVAL_GUARDED_BY(lock_) = false;
  FileDescriptor process_ COEVAL_GUARDED_BY(lock_);                // a pidfd
  FileDescriptor line_ COEVAL_GUARDED_BY(lock_);                   // to the child, while it runs
  std::unique_ptr<SpawnThread> spawner_ COEVAL_GUARDED_BY(lock_);  // of a process that runs
  threading::Event ended_;
};

}  // namespace coeval::multiprocessing::detail
