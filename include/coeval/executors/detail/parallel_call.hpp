// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ParallelCall: what the parallel algorithms have in common, one for each call.

#include <coeval/core/atomic.hpp>
#include <coeval/core/export.hpp>
#include <coeval/executors/detail/fork_scope.hpp>
#include <coeval/executors/parallel_options.hpp>
#include <coeval/futures/detail/backend.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>

namespace coeval::detail {

// What one iteration costs. All accesses are relaxed: it is a guess, and no other memory goes by it.
class COEVAL_EXPORT LoopCost {
 public:
  constexpr LoopCost() noexcept = default;

  // Nanoseconds; 0 as long as nothing is known.
  double ns() const noexcept {
    return std::bit_cast<double>(bits_.load(std::memory_order_relaxed));
  }
  void set(double ns) noexcept {
    bits_.store(std::bit_cast<std::uint64_t>(ns), std::memory_order_relaxed);
  }

  // Moves towards a measurement, a bit: one that was disturbed must not spoil the next calls.
  void learn(double ns) noexcept;

 private:
  atomic<std::uint64_t> bits_{0};
};

// Of all loops with this body, from one call to the next.
template <class Body>
inline constinit LoopCost cost_of{};

// A reference to a function that raises nothing.
class WorkRef {
 public:
  template <class F>
  explicit WorkRef(const F& f) noexcept
      : object_(&f),
        call_([](const void* object) noexcept { (*static_cast<const F*>(object))(); }) {}

  void operator()() const noexcept { call_(object_); }

 private:
  const void* object_;
  void (*call_)(const void* object) noexcept;
};

// The constructor and run() belong to the caller's thread, the rest to all that take part.
class COEVAL_EXPORT ParallelCall {
 public:
  // All are kept by reference. The name is for errors, as in "coeval::parallel_for".
  ParallelCall(const char* name, ExecutorBackend& backend, const ParallelOptions& options,
               LoopCost& learned) noexcept;
  ParallelCall(const ParallelCall&) = delete;
  ParallelCall& operator=(const ParallelCall&) = delete;
  ~ParallelCall();

  // Has the work done, here or by a worker, and blocks until it is. Raises what fail() was given
  // first, CancelledError if something was skipped, and RuntimeError or BrokenExecutor if the
  // executor takes no work.
  void run(WorkRef work);

  // Does both, the right one perhaps on another thread, and blocks until both are done.
  void both(WorkRef left, WorkRef right) noexcept;

  // Whether what has not begun must be skipped. To be asked only if something is left, as the call
  // then ends with an error.
  bool stopped() noexcept {
    return end_.load(std::memory_order_relaxed) != End::whole ||
           (options_.stop.stop_requested() && end(End::stopped));
  }

  // What has not begun is skipped. Of several errors the first is kept.
  void fail(std::exception_ptr error) noexcept;

  bool may_fork() const noexcept { return may_fork_.load(std::memory_order_relaxed); }
  bool may_stop() const noexcept { return options_.stop.stop_possible(); }
  std::uint64_t grain() const noexcept { return options_.grain; }

  // What is known of the cost: from this call, else from earlier ones.
  double ns() const noexcept { return cost_.ns(); }
  void measured(double iterations, std::int64_t ns) noexcept;

 private:
  struct Part;

  enum class End : std::uint32_t { whole, failed, stopped, dropped };

  // The first reason counts. Returns true.
  bool end(End reason) noexcept;
  [[noreturn]] void raise();

  const char* const name_;
  ExecutorBackend& backend_;
  const ParallelOptions& options_;
  LoopCost& learned_;
  LoopCost cost_;
  atomic<bool> may_fork_;
  atomic<End> end_{End::whole};  // relaxed: whoever reads error_ has joined all that could write it
  std::exception_ptr error_;     // written by the one that changed end_
};

}  // namespace coeval::detail
