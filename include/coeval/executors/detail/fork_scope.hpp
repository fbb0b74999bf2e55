// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ForkScope: the guts of TaskGroup and of the parallel algorithms. A thread pushes children, which
// it or other threads of the pool run, and joins them before it goes on.

#include <coeval/core/atomic.hpp>
#include <coeval/core/block_pool.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/threading/lock.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::detail {

class ForkScope;
class Queued;
class ThreadPool;
struct Lane;

// For which pool, and in which of its lanes, the calling thread works right now.
struct Seat {
  ThreadPool* pool = nullptr;
  Lane* lane = nullptr;
  std::int64_t first_descendant = 0;  // the lane's number for the first child of the running task
  std::size_t depth = 0;              // tasks on this stack, one inside the other
};

// One child: what the queues hold. The function lies behind it, in the object derived from this.
struct alignas(16) ForkedTask {
  // Calls the function if wanted, tells the scope what it raised, and ends the object.
  using Run = void (*)(ForkedTask& task, bool wanted) noexcept;

  Run run = nullptr;
  ForkScope* scope = nullptr;
};

// Pushing, joining and the destructor belong to the thread that made it; the rest is thread-safe.
//
// The owner counts what it pushed and what ended on its own thread. Others count down ended_.
// Invariants:
//  1. While the owner does not sleep, ended_ is -2 times the number of children that ended elsewhere
//     since the last join. Before it sleeps it adds twice the number of all that it waits for, and 1;
//     who brings the word down to 1 counts the last one and wakes it.
//  2. A child touches the scope for the last time when it is counted in ended_: after that the scope
//     may be gone. (Its address is still used, to wake the owner.)
//  3. thief_ names the lane of a thread that runs children which it took, and the number there from
//     which on their own children lie; it is cleared before they count as ended. Who finds it
//     unchanged after having read such a child reads a descendant of this scope.
//  4. A worker that runs several children in a row counts them together, in its lane. It tells before
//     it runs anything else, searches or ends: until then nothing but another child, for which the
//     join has to wait anyhow, can hold it up.
class COEVAL_EXPORT ForkScope {
 public:
  explicit ForkScope(ExecutorBackend& backend) noexcept;
  ForkScope(const ForkScope&) = delete;
  ForkScope& operator=(const ForkScope&) = delete;
  ~ForkScope();  // after join(), or if nothing was pushed

  // Raises as push does, after shutdown and of a broken executor. Whether this thread may run
  // children: not if the executor has an initializer and it is none of the workers.
  static bool may_work_here(ExecutorBackend& backend);

  // Hands over a child, which stays alive until its run was called. It may run in this call, if the
  // executor has no workers. Raises RuntimeError after shutdown, BrokenExecutor, std::bad_alloc;
  // the child was not taken then.
  void push(ForkedTask& task);

  // Runs children that nobody has begun, and waits for the others. May be called again.
  void join() noexcept;

  // Records what a child raised, and cancels the others.
  void fail(std::exception_ptr error) noexcept;

  // Children that have not begun will not run; those that run are asked to stop.
  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }

  // The token that cancel() stops. Raises std::bad_alloc.
  std::stop_token stop_token();

  // After join(): what the children raised, in the order in which it happened; empty afterwards.
  // Without memory only the first one is kept. Raises std::bad_alloc, and nothing is taken.
  std::vector<std::exception_ptr> take_errors();

  // Room for a child: in this object while it lasts, else from the block pool.
  void* allocate(std::size_t size);
  void free(void* memory, std::size_t size) noexcept;

  // A child has ended; called by ForkedTask::run as the last thing that touches the scope.
  void child_ended() noexcept;

 private:
  friend class ThreadPool;
  friend class Worker;

  static constexpr std::size_t room_size = 512;

  static void run_child(ForkedTask& child, ThreadPool& pool, Lane& lane) noexcept;
  // The same between two tasks of a worker, and what it must do before anything else: invariant 4.
  static void run_gathered(ForkedTask& child, ThreadPool& pool, Lane& lane) noexcept;
  static void tell_gathered(Lane& lane) noexcept;

  void sit_down();
  void stand_up() noexcept;
  bool all_ended() const noexcept;
  void count_ended(std::uint64_t thief_word, std::int64_t children) noexcept;
  bool run_own() noexcept;
  bool run_of_thief() noexcept;
  bool spin() noexcept;
  void sleep_until_ended() noexcept;

  // Only the owner.
  ThreadPool* const pool_;   // null: children run in push()
  Lane* lane_ = nullptr;     // while there are children, unless the owner only waits
  std::int64_t first_ = 0;   // the lane's number for the first child
  std::int64_t pushed_ = 0;  // since the last join
  std::int64_t ended_here_ = 0;
  bool seated_ = false;
  bool guest_ = false;

  // Written by other threads, so apart from what the owner reads at each push.
  alignas(64) atomic<std::int64_t> ended_{0};
  atomic<std::uint64_t> thief_{0};
  alignas(64) atomic<bool> cancelled_{false};
  threading::Lock lock_;
  std::exception_ptr first_error_ COEVAL_GUARDED_BY(lock_);
  std::vector<std::exception_ptr> more_errors_ COEVAL_GUARDED_BY(lock_);
  std::optional<std::stop_source> stop_ COEVAL_GUARDED_BY(lock_);
  std::size_t used_ = 0;  // of room_; only the owner
  alignas(16) std::byte room_[room_size];
};

// Whether F is called as f(stop_token) rather than f().
template <class F>
inline constexpr bool forked_with_token = std::is_invocable_v<F&, std::stop_token>;

// A child with its function. It lives in memory of the scope.
template <class F>
class ForkedFunction final : public ForkedTask {
 public:
  // Makes a child of the scope and pushes it. Raises what push and the copy of f raise.
  template <class G>
  static void start(ForkScope& scope, G&& f) {
    static_assert(alignof(ForkedFunction) <= 16,
                  "coeval::TaskGroup::run: the function object is aligned to more than 16 bytes; "
                  "capture a pointer to what needs it");
    void* const memory = scope.allocate(sizeof(ForkedFunction));
    ForkedFunction* child = nullptr;
    try {
      child = ::new (memory) ForkedFunction(scope, std::forward<G>(f));
      scope.push(*child);
    } catch (...) {
      if (child != nullptr) {
        child->~ForkedFunction();
      }
      scope.free(memory, sizeof(ForkedFunction));
      throw;
    }
  }

 private:
  template <class G>
  ForkedFunction(ForkScope& s, G&& f) : f_(std::forward<G>(f)) {
    run = run_and_end;
    scope = &s;
  }

  static void run_and_end(ForkedTask& task, bool wanted) noexcept {
    auto& child = static_cast<ForkedFunction&>(task);
    ForkScope& scope = *child.scope;
    if (wanted && !scope.cancelled()) {
      try {
        child.call();
      } catch (...) {
        scope.fail(std::current_exception());
      }
    }
    child.~ForkedFunction();
    scope.free(&child, sizeof(ForkedFunction));
    scope.child_ended();
  }

  void call() {
    if constexpr (forked_with_token<F>) {
      f_(scope->stop_token());
    } else {
      f_();
    }
  }

  F f_;
};

}  // namespace coeval::detail
