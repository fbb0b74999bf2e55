// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/inline_executor.hpp>

#include "executors/common/run_task.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>
#include <coeval/futures/detail/wait_helper.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>

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
    detail::observe(
        {.event = TaskEvent::submit, .task = task.get(), .name = task->name(), .executor = name_});
    submitted_.fetch_add(1, std::memory_order_relaxed);
    if (!task->try_start()) {
      counts_.count_cancelled();
      return;
    }
    const Running running(*this);
    detail::run_task(*task, timer_, name_, counts_);
  }

  // Waits for the tasks of other threads, unless called by one of this executor's tasks, for which
  // another one may wait in the same way.
  void shutdown(const ShutdownOptions& options) override COEVAL_EXCLUDES(lock_) {
    shut_down_.store(true, std::memory_order_release);
    if (!options.wait || Running::on_this_thread(*this)) {
      return;
    }
    const detail::SleepNotice sleep;
    const threading::Guard guard(lock_);
    while (running_ > 0) {
      ended_.wait();
    }
  }

  ExecutorStats stats() const override COEVAL_EXCLUDES(lock_) {
    ExecutorStats stats;
    stats.name = name_;
    stats.max_workers = max_workers();
    {
      const threading::Guard guard(lock_);
      stats.running = running_;
    }
    stats.submitted = submitted_.load(std::memory_order_relaxed);
    stats.completed = counts_.completed();
    stats.failed = counts_.failed();
    stats.cancelled = counts_.cancelled();
    return stats;
  }

  std::size_t max_workers() const noexcept override { return 1; }

 private:
  // A task that runs on this thread, perhaps inside another one.
  class Running {
   public:
    explicit Running(InlineBackend& backend) : backend_(backend), outer_(innermost) {
      innermost = this;
      const threading::Guard guard(backend_.lock_);
      ++backend_.running_;
    }
    ~Running() {
      innermost = outer_;
      const threading::Guard guard(backend_.lock_);
      if (--backend_.running_ == 0) {
        backend_.ended_.notify_all();
      }
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    static bool on_this_thread(const InlineBackend& backend) noexcept {
      const Running* running = innermost;
      while (running != nullptr && &running->backend_ != &backend) {
        running = running->outer_;
      }
      return running != nullptr;
    }

   private:
    static thread_local const Running* innermost;
    InlineBackend& backend_;
    const Running* const outer_;
  };

  const std::string name_;
  detail::TaskTimer timer_;
  atomic<bool> shut_down_{false};
  atomic<std::size_t> submitted_{0};  // relaxed, as it only counts
  detail::TaskCounts counts_;

  mutable threading::Lock lock_;
  threading::Condition ended_{lock_};
  std::size_t running_ COEVAL_GUARDED_BY(lock_) = 0;
};

thread_local const InlineBackend::Running* InlineBackend::Running::innermost = nullptr;

}  // namespace

InlineExecutor::InlineExecutor(const std::string& name)
    : backend_(std::make_shared<InlineBackend>(name)) {}

InlineExecutor::~InlineExecutor() {
  backend_->shutdown({});
}

}  // namespace coeval
