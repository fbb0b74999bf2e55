// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// KillPoints: what a SIGKILL at each instruction of an operation on shared memory leaves behind.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <thread>
#include <vector>

namespace coeval::testing {

// Whether single steps work here: on x86-64, without a sanitizer, which would be stepped too.
bool can_single_step();

// Runs operations one instruction at a time by the processor's trap flag. Nobody is killed: before
// each instruction the shared memory is looked at, and when it has changed it is copied to a second
// memory of the same shape. There the traces of the stepped thread are made those of a dead one: its
// token and that of its process become those of a process that is gone. Then a survivor, on a thread of its own, works with
// the copy and checks what it finds. A state that was seen before needs no second look.
class KillPoints {
 public:
  struct Window {
    std::span<std::byte> live;
    std::span<std::byte> copy;
  };

  // survivor runs with the stepped thread halted inside the operation.
  KillPoints(std::vector<Window> windows, std::function<void()> survivor);
  ~KillPoints();
  KillPoints(const KillPoints&) = delete;
  KillPoints& operator=(const KillPoints&) = delete;

  // Steps through the operation, on the calling thread, which is not the first of its process.
  void step(const std::function<void()>& operation);

  // How many instructions were stepped, and how many of them had changed the memory.
  std::size_t points() const noexcept { return points_; }
  std::size_t states() const noexcept { return states_; }

 private:
  static void on_step(int signal);
  void look();
  bool has_changed() const;
  void bury(std::span<std::byte> copy) const;
  void run_survivor();

  enum class Baton : std::uint8_t { stepped, survivor, end };

  std::vector<Window> windows_;
  std::vector<std::vector<std::byte>> seen_;
  std::function<void()> survivor_;
  std::uint64_t this_token_;
  std::uint64_t gone_token_;
  std::uint64_t thread_token_ = 0;
  std::size_t points_ = 0;
  std::size_t states_ = 0;
  std::atomic<Baton> baton_{Baton::stepped};
  std::thread thread_;
};

}  // namespace coeval::testing
