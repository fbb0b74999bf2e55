// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a loop over 0 to n - 1 is cut into pieces, and which of them go to other threads.

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/parallel_call.hpp>

#include <cstdint>

namespace coeval::detail {

// Iterations [begin, end), and where what they yield goes.
struct LoopPart {
  std::uint64_t begin;
  std::uint64_t end;
  void* result;  // a type that only the body knows; null if the loop yields nothing
};

class LoopRun;

// What the iterations do. Called by all threads that take part.
class COEVAL_EXPORT LoopBody {
 public:
  // The iterations of the part, at least one, in a plain loop. One result gets neighbouring parts,
  // in their order. What it raises ends the loop.
  virtual void run(const LoopPart& part) const = 0;

  // Has the part run in two halves: calls loop.both() with a new result for the right one, and adds
  // that to the left one's. Here for loops that yield nothing.
  virtual void split(LoopRun& loop, const LoopPart& part, std::uint64_t middle) const noexcept;

 protected:
  LoopBody() = default;
  LoopBody(const LoopBody&) = default;
  LoopBody& operator=(const LoopBody&) = default;
  ~LoopBody() = default;
};

// Without a grain the pieces follow from the time that they take:
//  - A part is forked in halves while it is expected to take longer than worth_forking_ns, as to
//    wake a thread on another processor takes 10 µs.
//  - It is expected to cost what the last piece that was measured did, or what loops with the same
//    body did before. If nothing is known, a loop of a few iterations is forked at once, since they
//    may be long; else a few iterations are done and measured first.
//  - A part that is not forked is done in a small piece, then in larger ones; if one takes much
//    longer than expected, the expectation changes, and so what is left of the part may be forked.
class COEVAL_EXPORT LoopRun {
 public:
  LoopRun(ParallelCall& call, const LoopBody& body) noexcept : call_(call), body_(body) {}
  LoopRun(const LoopRun&) = delete;
  LoopRun& operator=(const LoopRun&) = delete;
  ~LoopRun() = default;

  // Runs the part, and blocks until it has ended. Errors go to the call.
  void run(LoopPart part) noexcept;

  // Runs both, the right one perhaps on another thread, and blocks until both have ended.
  void both(const LoopPart& left, const LoopPart& right) noexcept;

  ParallelCall& call() noexcept { return call_; }

 private:
  void run_by_grain(LoopPart part) noexcept;
  bool is_worth_forking(std::uint64_t iterations) const noexcept;
  void run_by_time(LoopPart part) noexcept;
  void probe(LoopPart& part) noexcept;
  std::int64_t do_piece(LoopPart& part, std::uint64_t iterations, std::int64_t begun) noexcept;
  void do_piece(LoopPart& part, std::uint64_t iterations) noexcept;

  ParallelCall& call_;
  const LoopBody& body_;
};

// Runs the whole loop. Raises as ParallelCall::run does.
COEVAL_EXPORT void run_loop(ParallelCall& call, const LoopBody& body, std::uint64_t iterations,
                            void* result);

}  // namespace coeval::detail
