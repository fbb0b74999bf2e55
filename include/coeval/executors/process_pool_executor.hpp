// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/process_tasks.hpp>
#include <coeval/futures/executor.hpp>
#include <coeval/multiprocessing/detail/target.hpp>
#include <coeval/pickle/parcel.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace coeval {

struct ProcessPoolOptions {
  // The most processes that run tasks at one time, 1 or more. Default: usable_cpu_count().
  std::optional<int> max_workers = {};

  // Processes are called name_0, name_1, …; seen in ps, gdb and errors. Default:
  // ProcessPoolExecutor-N, N counting the pools of this process.
  std::string name = {};

  // After so many tasks a process is replaced by a new one. Default: never.
  std::optional<int> max_tasks_per_child = {};

  // How many tasks may wait; 0: as many as memory holds.
  std::size_t max_queue = 0;

  // What submit does when max_queue tasks wait.
  WhenFull when_full = WhenFull::block;

  // How many bytes of memory a process may have (RLIMIT_DATA: heap, stacks and other private
  // memory); 0: no limit. Beyond it allocations raise std::bad_alloc, in the task; a process in which
  // that left a task is replaced.
  std::size_t memory_limit = 0;

  // A process that has more bytes of that memory after a task is replaced by a new one; 0: never.
  // Default: half of memory_limit, or half way to it from what the process has after its
  // initializer, whichever is more; never without a limit.
  std::optional<std::size_t> recycle_above = {};

  // The most bytes that the result of a task, or of an element of a map, may take when it is pickled, 1 MiB
  // to 1 TiB: beyond it the task raises ValueError. So a task that has gone wild, or is hostile, does
  // not have this process take more. Default: 1 GiB.
  std::size_t max_result_size = std::size_t{1} << 30;

  // What is added to the processes' nice value, 0 to 19.
  int nice = 0;

  // Where the processes work; empty: where this one does.
  std::string working_directory = {};

  // Set in the processes' environment, beside this one's.
  std::map<std::string, std::string> environment = {};

  // How long a task may take to end after it was asked to, by its stop_token or by SIGTERM, before
  // it is asked more strongly: SIGTERM, then SIGKILL.
  std::chrono::nanoseconds grace = std::chrono::seconds(1);

  // After so many processes in a row that ended before they ran a task, the pool is broken.
  int max_restarts = 5;
};

// ProcessPoolExecutor: runs tasks in processes of this program. The right choice for work that may
// crash, hang, leak or be hostile, for libraries that are not thread-safe, and for computing.
//
//   coeval::ProcessPoolExecutor pool({.max_workers = 3});
//   coeval::Future<Picture> picture = pool.submit(decode, file);
//   for (const Picture& p : pool.map(decode, files)) show(p);
//
// It takes what a ThreadPoolExecutor takes, if that can cross to another process: functions, lambdas
// that capture nothing, function objects that can be pickled; arguments and results that can be
// pickled, the library's handles (Queue, SharedArray …) too. A parameter that is a
// std::span<const T> of numbers or a std::string_view is a view of what was sent, which lives as long
// as the call. Exceptions of the standard library and of this one come back as themselves, others as
// RemoteError; Future::error_stack() tells where they were thrown. What cannot cross is an error of
// the compiler.
//
// Processes are started when there are tasks, up to max_workers, clean as a Process's: no main(), no
// variables of this process. What Linux keeps by thread (seccomp filters, namespaces, affinity …) they
// have of the thread that makes the pool. They ignore SIGINT, go on at a SIGTERM or SIGHUP that
// another process sends, and end with this process however it ends. When memory is out, the kernel
// kills a worker and not this process.
// Death: when a process dies in a task, that task's future raises WorkerDied, with the stack of the
// crash if it is known; it is not run again unless with({.max_retries = n}) says so. No other task is
// lost or run twice, and the process is replaced. So is one whose task raised std::bad_alloc, which
// max_retries counts as a death, one that keeps too much memory (recycle_above), and one whose tasks
// all raise where those of others return, so that it does not draw the work to itself. A task that runs longer than its timeout, or is
// stopped by Future::stop(), is told to end and killed: TimeoutError, CancelledError.
// Thread safety: every member may be called from any thread, and from callbacks. Callbacks run in
// the thread that waits for a result, or in the pool's own thread: they should be short.
// Blocking: submit with a full bounded queue, shutdown, and the destructor, which is shutdown():
// what is queued still runs. A pool that is alive when the process exits is shut down then; a forked
// child cannot use its parent's.
// A resource: neither copied nor moved. See AnyExecutor for a handle.
class COEVAL_EXPORT ProcessPoolExecutor
    : public ExecutorInterface<ProcessPoolExecutor, detail::ProcessTasks> {
 public:
  // ValueError for numbers out of their ranges; std::system_error if there can be no thread. Starts
  // no process yet.
  explicit ProcessPoolExecutor(ProcessPoolOptions options = {});

  // Each process first calls initializer(args...), which are pickled once, here. If it raises, or
  // dies, the pool is broken: tasks that have not begun and later submits raise BrokenProcessPool.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, ProcessPoolOptions>)
  ProcessPoolExecutor(ProcessPoolOptions options, F&& initializer, Args&&... args)
      : ProcessPoolExecutor(std::move(options),
                            multiprocessing::detail::pack_target(std::forward<F>(initializer),
                                                                 std::forward<Args>(args)...),
                            Packed()) {}

  explicit ProcessPoolExecutor(int max_workers) = delete;  // write ({.max_workers = 3})
  ProcessPoolExecutor(const ProcessPoolExecutor&) = delete;
  ProcessPoolExecutor& operator=(const ProcessPoolExecutor&) = delete;
  ~ProcessPoolExecutor();

  const std::shared_ptr<detail::ExecutorBackend>& backend() const noexcept { return backend_; }

 private:
  struct Packed {};
  ProcessPoolExecutor(ProcessPoolOptions options, pickle::Parcel initializer, Packed);

  std::shared_ptr<detail::ExecutorBackend> backend_;
};

}  // namespace coeval
