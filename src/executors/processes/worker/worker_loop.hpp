// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// WorkerLoop: what a worker of a process pool does with its tasks.

#include "executors/processes/exchange/buffers.hpp"
#include "executors/processes/exchange/region.hpp"
#include "executors/processes/exchange/worker_ends.hpp"
#include "executors/processes/worker/memory_watch.hpp"
#include "executors/processes/worker/result_shelf.hpp"
#include "executors/processes/worker/stop_listener.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/archive.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

namespace coeval::detail {

// Of one thread.
class WorkerLoop {
 public:
  // Errors: std::system_error.
  explicit WorkerLoop(WorkerEnds ends);
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  // Runs tasks until the pool closes, the initializer has failed, or a task has used the memory up.
  void serve();

  CrashSite& crash_site() noexcept { return outbox_.crash; }
  const WorkerSide& side() const noexcept { return side_; }
  // A child that a task has forked is no worker: it ends where the task returns.
  static void this_process_is_forked() noexcept;

 private:
  struct Arguments;

  bool wait_until_posted(std::uint32_t position);
  bool spin_until_posted(std::uint32_t position) const noexcept;
  void pass(std::uint32_t position, bool is_chunk);
  void send_notice() const;
  void receive_one();
  std::span<const std::byte> bytes_of(const Extent& extent);
  std::vector<FileDescriptor> descriptors_of(std::uint32_t position);
  void run(std::uint32_t position, const InSlot& in, OutSlot& out);
  Spent judge_memory(std::int64_t wall_ns) noexcept;
  void run_chunk(std::uint32_t position, const InSlot& in, OutSlot& out,
                 const Arguments& arguments);
  void learn_codes(const InSlot& in);
  void call(std::uint32_t position, const InSlot& in, pickle::InputArchive& arguments,
            pickle::OutputArchive& result);

  const Mapping inbox_memory_;
  const Mapping outbox_memory_;
  const WorkerInbox& inbox_;
  WorkerOutbox& outbox_;
  WorkerSide side_;
  const FileDescriptor socket_;
  StopListener stop_;
  ResultShelf shelf_;
  ReceivedBuffers received_{std::numeric_limits<std::size_t>::max()};
  std::map<std::uint32_t, std::vector<FileDescriptor>> descriptors_;
  bool is_set_up_ = false;
  MemoryWatch memory_;
  bool met_bad_alloc_ = false;  // the task that runs has
  std::int64_t began_ns_ = 0;   // when the last task ended; 0: there was a rest since
};

}  // namespace coeval::detail
