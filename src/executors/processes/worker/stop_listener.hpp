// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// StopListener: hears in a worker that its pool asks a task to stop.

#include "executors/processes/exchange/exchange.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/thread.hpp>

#include <cstdint>
#include <optional>
#include <stop_token>

namespace coeval::detail {

// Its thread starts with the first task that takes a stop_token, and ends with the process.
class StopListener {
 public:
  explicit StopListener(const WorkerSide& side) noexcept : side_(side) {}
  StopListener(const StopListener&) = delete;
  StopListener& operator=(const StopListener&) = delete;

  // A task that can be asked to stop, while it lives.
  class Task {
   public:
    Task(StopListener& listener, std::uint32_t position);
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task();

    std::stop_token token() const noexcept { return source_.get_token(); }

   private:
    StopListener& listener_;
    std::stop_source source_;
  };

 private:
  void listen();
  void look();

  const WorkerSide& side_;
  threading::Lock lock_;
  std::optional<std::stop_source> source_ COEVAL_GUARDED_BY(lock_);
  std::uint32_t position_ COEVAL_GUARDED_BY(lock_) = 0;
  std::optional<threading::Thread> thread_;  // of the worker's thread
};

}  // namespace coeval::detail
