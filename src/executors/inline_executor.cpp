// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/inline_executor.hpp>

#include "executors/run_task.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>

#include <fmt/format.h>

namespace coeval {
namespace {

class InlineBackend final : public detail::ExecutorBackend {
 public:
  explicit InlineBackend(const std::string& name) : name_(name), timer_(name + "_timer") {}

  void enqueue(detail::CellRef task, const WhenFull*) override {
    // Acquire: pairs with shutdown(), so that what came before it is seen after it.
    if (shut_down_.load(std::memory_order_acquire)) {
      throw RuntimeError(
          fmt::format("cannot schedule new futures after shutdown of executor '{}'", name_));
    }
    detail::observe({.event = TaskEvent::submit,
                     .task = task.get(),
                     .name = task->name(),
                     .executor = name_});
    count(submitted_);
    if (!task->try_start()) {
      count(cancelled_);
      return;
    }
    const Running running(*this);
    const detail::Outcome outcome = detail::run_task(*task, timer_, name_);
    count(outcome == detail::Outcome::completed ? completed_ : failed_);
  }

  void shutdown(const ShutdownOptions&) override {
    shut_down_.store(true, std::memory_order_release);
  }

  ExecutorStats stats() const override {
    ExecutorStats stats;
    stats.name = name_;
    stats.max_workers = max_workers();
    stats.running = read(running_);
    stats.submitted = read(submitted_);
    stats.completed = read(completed_);
    stats.failed = read(failed_);
    stats.cancelled = read(cancelled_);
    return stats;
  }

  std::size_t max_workers() const noexcept override { return 1; }

 private:
  // Counters say nothing but themselves: relaxed.
  using Counter = atomic<std::size_t>;
  static void count(Counter& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }
  static std::size_t read(const Counter& counter) noexcept {
    return counter.load(std::memory_order_relaxed);
  }

  struct Running {
    explicit Running(InlineBackend& of) : backend(of) { count(backend.running_); }
    ~Running() { backend.running_.fetch_sub(1, std::memory_order_relaxed); }
    InlineBackend& backend;
  };

  const std::string name_;
  detail::TaskTimer timer_;
  atomic<bool> shut_down_{false};
  Counter submitted_{0};
  Counter running_{0};
  Counter completed_{0};
  Counter failed_{0};
  Counter cancelled_{0};
};

}  // namespace

InlineExecutor::InlineExecutor(const std::string& name)
    : backend_(std::make_shared<InlineBackend>(name)) {}

InlineExecutor::~InlineExecutor() { backend_->shutdown({}); }

}  // namespace coeval
