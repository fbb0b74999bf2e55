// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Continuations, and how a thread runs those that complete further cells. A completion runs
// continuations, which complete the cells of then() and when_all(), which have continuations of their
// own; and the destruction of a cell drops futures, whose cells are destroyed. As calls inside calls
// that would take a stack as deep as the graph. So each thread counts how deep it is in either of the
// two. Up to most_nested it is calls inside calls, so that all happens inside the call that a reader
// expects it in. What comes deeper is put off, and the innermost loop that is under way takes it next.
//
// Invariants, for each thread:
//  1. Something is put off only where most_nested loops are under way; the innermost of them has
//     taken all of it before it returns.
//  2. The order is that of calls inside calls: what a continuation has completed runs before the next
//     continuation of the same cell.
//  3. A cell whose continuations are put off has an internal reference for each.
//  4. Before the thread sleeps in the library, nothing is put off: it could be what it waits for.

#include <coeval/core/export.hpp>

#include <cstddef>

namespace coeval::detail {

class Cell;

// What runs when a cell is done. Intrusive; run() is called once and may destroy it.
struct alignas(16) Continuation {
  virtual void run(Cell& settled) noexcept = 0;
  Continuation* next = nullptr;
  Cell* waits_of = nullptr;  // the cell, while the run is put off

 protected:
  ~Continuation() = default;
};

// How many loops of one kind a thread has inside each other.
inline constexpr std::size_t most_nested = 16;

// Runs the continuations in this order, or puts them off. The caller keeps settled during the call.
COEVAL_EXPORT void run_nested(Continuation* oldest, Cell& settled) noexcept;

// Runs and destroys what this thread has put off. For a thread that is about to wait.
COEVAL_EXPORT void run_put_off() noexcept;

// For the scope, this thread counts from zero again: around a task that a waiting thread runs.
class COEVAL_EXPORT FreshNesting {
 public:
  FreshNesting() noexcept;
  ~FreshNesting();
  FreshNesting(const FreshNesting&) = delete;
  FreshNesting& operator=(const FreshNesting&) = delete;

 private:
  const std::size_t runs_;
  const std::size_t destructions_;
};

}  // namespace coeval::detail
