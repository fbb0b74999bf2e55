// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/thread_tasks.hpp>
#include <coeval/futures/executor.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace coeval {

struct ThreadPoolOptions {
  // The most threads that run tasks at one time, 1 or more (more than 32,768 are never started).
  // Default: min(32, usable_cpu_count() + 4), as many tasks of this executor wait for something
  // else than the processor.
  std::optional<int> max_workers = {};

  // Threads are called prefix_0, prefix_1, …; seen in ps -L, gdb and errors. Default:
  // ThreadPoolExecutor-N, N counting the pools of this process.
  std::string thread_name_prefix = {};

  // How many tasks may wait; 0: as many as memory holds.
  std::size_t max_queue = 0;

  // What submit does when max_queue tasks wait.
  WhenFull when_full = WhenFull::block;

  // Have each worker run on one processor alone: the Nth on the Nth of process_cpus() as they are
  // when the executor is made, and round again. For computing with one worker per processor, on a
  // machine that does nothing else: caches stay warm, but a worker whose processor is taken waits
  // for it though others are free. If the kernel refuses, a warning is logged and the worker runs
  // anywhere. Threads that a task or the initializer starts inherit the processor.
  bool pin_workers = false;

  // Bytes of each worker's stack, from 32 KiB; 0: the process's default (`ulimit -s`). A worker that
  // waits for a task runs others on what is left, so nested waits want more than a megabyte.
  std::size_t stack_size = 0;
};

// ThreadPoolExecutor: runs tasks on threads of this process. The right choice for work that waits
// in blocking libraries (files, sockets, databases), and for computing on several cores.
//
//   coeval::ThreadPoolExecutor pool({.max_workers = 3});
//   coeval::Future<std::string> page = pool.submit(fetch, url);
//   for (const std::string& p : pool.map(fetch, urls)) std::puts(p.c_str());
//
// Threads are started when there is a task and no idle thread, up to max_workers, and are reused.
// Nested use: a task may submit to its own pool and wait for the result, at any depth and with one
// worker. A worker that waits runs the awaited task itself if nobody has begun it, then other tasks
// that the waiting one submitted. If it must sleep, another thread takes its place, so there can be
// more than max_workers threads; more than max_workers run only for the moment after it woke up.
// Thread safety: every member may be called from any thread, from callbacks and from tasks.
// Blocking: submit with a full bounded queue, shutdown, and the destructor, which is shutdown():
// what is queued still runs. A pool that is alive when the process exits is shut down then.
// Cancellation: Future::cancel before a task begins, Future::stop for one that takes a
// std::stop_token; a thread cannot be killed.
// A resource: neither copied nor moved. See AnyExecutor for a handle.
class COEVAL_EXPORT ThreadPoolExecutor
    : public ExecutorInterface<ThreadPoolExecutor, detail::ThreadTasks> {
 public:
  // ValueError if max_workers is below 1 or stack_size below its range. Starts no thread yet.
  explicit ThreadPoolExecutor(ThreadPoolOptions options = {});

  // Each worker calls initializer(args...) when it starts; it is shared by the workers and called
  // as a const object, and so are the arguments. If it raises, the pool is broken: tasks that have
  // not begun and later submits raise BrokenThreadPool.
  template <class F, class... Args>
    requires std::invocable<const std::decay_t<F>&, const std::decay_t<Args>&...>
  ThreadPoolExecutor(ThreadPoolOptions options, F&& initializer, Args&&... args)
      : ThreadPoolExecutor(
            std::move(options),
            std::function<void()>(
                [f = std::decay_t<F>(std::forward<F>(initializer)),
                 ... a = std::decay_t<Args>(std::forward<Args>(args))] { std::invoke(f, a...); }),
            Erased()) {}

  explicit ThreadPoolExecutor(int max_workers) = delete;  // write ({.max_workers = 3})
  ThreadPoolExecutor(const ThreadPoolExecutor&) = delete;
  ThreadPoolExecutor& operator=(const ThreadPoolExecutor&) = delete;
  ~ThreadPoolExecutor();

  const std::shared_ptr<detail::ExecutorBackend>& backend() const noexcept { return backend_; }

 private:
  struct Erased {};
  ThreadPoolExecutor(ThreadPoolOptions options, std::function<void()> initializer, Erased);

  std::shared_ptr<detail::ExecutorBackend> backend_;
};

}  // namespace coeval
