// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/executors/detail/fork_scope.hpp>
#include <coeval/futures/detail/cell.hpp>

#include <cstdint>

namespace coeval::detail {

// Queued: what waits in a queue of a thread pool, in one word: a task's cell, with a reference that
// whoever takes it out takes over, or a child of a ForkScope. Or nothing.
class Queued {
 public:
  constexpr Queued() noexcept = default;
  // The caller's reference becomes that of the queue.
  static Queued of(const Cell& task) noexcept {
    return from_bits(reinterpret_cast<std::uintptr_t>(&task));
  }
  explicit Queued(ForkedTask& child) noexcept
      : bits_(reinterpret_cast<std::uintptr_t>(&child) | fork_bit) {}
  static constexpr Queued from_bits(std::uintptr_t bits) noexcept {
    Queued queued;
    queued.bits_ = bits;
    return queued;
  }

  explicit operator bool() const noexcept { return bits_ != 0; }
  bool is_fork() const noexcept { return (bits_ & fork_bit) != 0; }
  bool is(const Cell& cell) const noexcept {
    return bits_ == reinterpret_cast<std::uintptr_t>(&cell);
  }

  // Only of a cell: takes its reference over; its priority.
  CellRef take_cell() const noexcept { return CellRef::adopt(reinterpret_cast<Cell*>(bits_)); }
  int priority() const noexcept { return reinterpret_cast<const Cell*>(bits_)->priority(); }
  ForkedTask& forked() const noexcept { return *reinterpret_cast<ForkedTask*>(bits_ & ~fork_bit); }

  // Brings its first two cache lines here: it was made on another processor and will run soon.
  void prefetch() const noexcept {
    const auto* const object = reinterpret_cast<const char*>(bits_);
    __builtin_prefetch(object, 1);
    __builtin_prefetch(object + 64, 1);
  }

  std::uintptr_t bits() const noexcept { return bits_; }

 private:
  static constexpr std::uintptr_t fork_bit = 1;
  std::uintptr_t bits_ = 0;
};

}  // namespace coeval::detail
