// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one thread that reaps the children of this process. It lives as long as the process.

#include "multiprocessing/channels/bell.hpp"
#include "multiprocessing/processes/process_state.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/threading/lock.hpp>

#include <poll.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace coeval::multiprocessing::detail {

class Supervisor {
 public:
  // This process's supervisor; a forked child gets one of its own. Never destroyed. Errors:
  // std::system_error if there can be no thread or no descriptors for it.
  static Supervisor& get();
  // The same, or null if this process has started no child.
  static Supervisor* known() noexcept;

  // The memory that watching one more child takes: who starts one can be told that there is none,
  // the thread cannot.
  class Place {
   public:
    Place(Place&& other) noexcept : supervisor_(std::exchange(other.supervisor_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    friend class Supervisor;
    explicit Place(Supervisor& supervisor) noexcept : supervisor_(&supervisor) {}

    Supervisor* supervisor_;
  };
  // Errors: std::bad_alloc.
  Place reserve();

  // Reaps the child when it ends, and tells it.
  void watch(Place place, std::shared_ptr<ProcessState> child) noexcept;

  // The children that are watched: those that run.
  std::vector<std::shared_ptr<ProcessState>> children();

 private:
  // What the thread works with.
  struct Room {
    std::vector<pollfd> watched;  // the bell and the running
    std::vector<std::shared_ptr<ProcessState>> running;
  };

  Supervisor();
  static void* run(void* self) noexcept;
  static void at_exit();

  void serve() noexcept;
  void look_around(Room& room) noexcept;
  void wait(std::vector<pollfd>& watched) noexcept;
  void reap(const std::shared_ptr<ProcessState>& child) noexcept;

  Bell bell_{"the thread that reaps processes"};
  threading::Lock lock_;
  std::size_t places_ COEVAL_GUARDED_BY(lock_) = 0;    // reserved and not watched
  std::size_t capacity_ COEVAL_GUARDED_BY(lock_) = 0;  // children_ and one room have so much
  Room larger_ COEVAL_GUARDED_BY(lock_);               // for the thread to take
  std::vector<std::shared_ptr<ProcessState>> children_ COEVAL_GUARDED_BY(lock_);
};

}  // namespace coeval::multiprocessing::detail
