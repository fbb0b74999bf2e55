// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// TaskGroup: tasks that a function starts and that all end before the function goes on.

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/fork_scope.hpp>
#include <coeval/futures/executor.hpp>

#include <exception>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace coeval {

// Structured fork and join on the workers of an executor. Much cheaper than a future for each task:
// use it where the tasks are many and small, or split recursively.
//
//   long fib(coeval::ThreadPoolExecutor& pool, int n) {
//     if (n < 2) return n;
//     long a = 0;
//     coeval::TaskGroup group(pool);
//     group.run([&] { a = fib(pool, n - 1); });
//     const long b = fib(pool, n - 2);
//     group.wait();
//     return a + b;
//   }
//
// The thread that waits takes part: it runs children that nobody has begun, newest first, so a
// group works nested to any depth, with one worker too. If the executor has an initializer and this
// thread is none of its workers, it only waits. Children run in no particular order.
// Errors: the first exception of a child cancels the group: children that have not begun are not
// run, and wait() raises an ExceptionGroup of all that were raised.
// Cancellation: cancel(); a child that takes a std::stop_token is asked to stop.
// Thread safety: run and wait belong to the thread that made the group, and to no child; cancel and
// cancelled may be called from any thread. Blocking: wait and the destructor.
// A resource: neither copied nor moved. Meant to live on the stack, where it keeps its first
// children inside itself. The executor must outlive it.
class COEVAL_EXPORT TaskGroup {
 public:
  // Starts nothing yet.
  template <class Derived, detail::LocallyCalled Tasks>
  explicit TaskGroup(ExecutorInterface<Derived, Tasks>& executor)
      : scope_(*static_cast<Derived&>(executor).backend()) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Cancels what has not begun if an exception leaves the group's block, waits for the rest, and logs errors
  // that wait() has not raised.
  ~TaskGroup();

  // Has f() or f(std::stop_token) called once, on any worker or in wait(). f is copied or moved
  // in; what it returns is ignored. In a cancelled group nothing is run.
  // Raises RuntimeError after the executor's shutdown, BrokenExecutor, std::bad_alloc.
  template <class F>
  void run(F&& f) {
    using Child = std::decay_t<F>;
    constexpr bool callable =
        std::is_invocable_v<Child&> || std::is_invocable_v<Child&, std::stop_token>;
    static_assert(callable,
                  "coeval::TaskGroup::run: the function must be callable without arguments, or "
                  "with a std::stop_token; capture what it needs");
    if constexpr (callable) {
      detail::ForkedFunction<Child>::start(scope_, std::forward<F>(f));
    }
  }

  // Returns when every child has ended. Raises ExceptionGroup if any of them raised. The group can
  // be used again afterwards, unless it was cancelled.
  void wait();

  // Children that have not begun will not run; asks those that run to stop. Never blocks.
  void cancel() noexcept { scope_.cancel(); }
  bool cancelled() const noexcept { return scope_.cancelled(); }

 private:
  detail::ForkScope scope_;
  const int exceptions_ = std::uncaught_exceptions();  // on their way when the group was made
};

}  // namespace coeval
