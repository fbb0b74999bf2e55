// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/detail/parallel_call.hpp>

#include <coeval/core/cpu.hpp>
#include <coeval/core/errors.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace coeval::detail {
namespace {

// The most that one measurement can change of what was learned: by this factor, halfway.
constexpr double believable = 4;

// No iteration costs less: so that a loop that the compiler left out is not learned as free.
constexpr double least_ns = 1e-3;

bool has_processors() noexcept {
  static const bool several = usable_cpu_count() > 1;
  return several;
}

}  // namespace

void LoopCost::learn(double measured_ns) noexcept {
  const double known = ns();
  set(known == 0 ? measured_ns
                 : (known + std::clamp(measured_ns, known / believable, known * believable)) / 2);
}

// One that the queues hold, on the stack of the thread that waits for it.
struct ParallelCall::Part final : ForkedTask {
  Part(ParallelCall& c, ForkScope& s, WorkRef w) noexcept : call(c), work(w) {
    run = run_and_end;
    scope = &s;
  }

  static void run_and_end(ForkedTask& task, bool wanted) noexcept {
    auto& part = static_cast<Part&>(task);
    ForkScope& joined = *part.scope;
    if (wanted) {
      part.work();
    } else {
      part.call.end(End::dropped);
    }
    joined.child_ended();  // the part may be gone from here on
  }

  ParallelCall& call;
  const WorkRef work;
};

ParallelCall::ParallelCall(const char* name, ExecutorBackend& backend,
                           const ParallelOptions& options, LoopCost& learned) noexcept
    : name_(name),
      backend_(backend),
      options_(options),
      learned_(learned),
      may_fork_(backend.thread_pool() != nullptr && has_processors()) {
  cost_.set(learned.ns());
}

ParallelCall::~ParallelCall() = default;

void ParallelCall::run(WorkRef work) {
  if (ForkScope::may_work_here(backend_)) {
    work();
  } else {
    ForkScope scope(backend_);
    Part part(*this, scope, work);
    scope.push(part);
    scope.join();
  }
  if (end_.load(std::memory_order_relaxed) != End::whole) [[unlikely]] {
    raise();
  }
}

void ParallelCall::both(WorkRef left, WorkRef right) noexcept {
  if (!may_fork()) {
    left();
    right();
    return;
  }
  ForkScope scope(backend_);
  Part part(*this, scope, right);
  try {
    scope.push(part);
  } catch (...) {
    // The executor has no room, or takes no more. What has begun is done all the same, here.
    may_fork_.store(false, std::memory_order_relaxed);
    left();
    right();
    return;
  }
  left();
  scope.join();
}

bool ParallelCall::end(End reason) noexcept {
  End end = End::whole;
  end_.compare_exchange_strong(end, reason, std::memory_order_relaxed, std::memory_order_relaxed);
  return true;
}

void ParallelCall::fail(std::exception_ptr error) noexcept {
  End end = End::whole;
  if (end_.compare_exchange_strong(end, End::failed, std::memory_order_relaxed,
                                   std::memory_order_relaxed)) {
    error_ = std::move(error);
  }
}

void ParallelCall::measured(double iterations, std::int64_t ns) noexcept {
  const double one = std::max(static_cast<double>(ns) / iterations, least_ns);
  cost_.set(one);
  learned_.learn(one);
}

void ParallelCall::raise() {
  const End end = end_.load(std::memory_order_relaxed);
  if (end == End::failed) {
    std::rethrow_exception(error_);
  }
  if (end == End::stopped) {
    throw CancelledError(std::string(name_) + ": a stop was requested before all was done");
  }
  try {
    ForkScope::may_work_here(backend_);
  } catch (const BrokenExecutor&) {
    throw;
  } catch (const RuntimeError&) {
    // Shut down with cancel_futures, which is no error of the executor.
  }
  throw CancelledError(std::string(name_) + ": the executor was shut down before all was done");
}

}  // namespace coeval::detail
