// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/detail/parallel_loop.hpp>

#include "executors/forks/fork_costs.hpp"

#include <coeval/core/system.hpp>

#include <algorithm>
#include <exception>

namespace coeval::detail {
namespace {

constexpr double piece_ns = 10'000;

// Loops of so many iterations are forked when nothing is known of them.
constexpr std::uint64_t few_iterations = 64;

// The first piece of a part is so small a fraction of it.
constexpr std::uint64_t first_piece = 16;

// If nothing is known: so many iterations are measured, more each time, until they take so long.
constexpr std::uint64_t probes[] = {1, 16, 256};
constexpr std::int64_t probed_ns = 5'000;

}  // namespace

void LoopBody::split(LoopRun& loop, const LoopPart& part, std::uint64_t middle) const noexcept {
  loop.both({part.begin, middle, nullptr}, {middle, part.end, nullptr});
}

void LoopRun::run(LoopPart part) noexcept {
  if (call_.grain() != 0) {
    run_by_grain(part);
  } else {
    run_by_time(part);
  }
}

void LoopRun::both(const LoopPart& left, const LoopPart& right) noexcept {
  const auto run_left = [&] { run(left); };
  const auto run_right = [&] { run(right); };
  call_.both(WorkRef(run_left), WorkRef(run_right));
}

// The cuts depend on nothing but the grain and the number of iterations, so that a sum of floating
// point numbers comes out the same each time.
void LoopRun::run_by_grain(LoopPart part) noexcept {
  if (call_.stopped()) {
    return;
  }
  const std::uint64_t grain = call_.grain();
  const std::uint64_t iterations = part.end - part.begin;
  if (iterations > grain) {
    const std::uint64_t pieces = (iterations - 1) / grain + 1;
    body_.split(*this, part, part.begin + pieces / 2 * grain);
  } else {
    do_piece(part, iterations);
  }
}

bool LoopRun::is_worth_forking(std::uint64_t iterations) const noexcept {
  if (iterations < 2 || !call_.may_fork()) {
    return false;
  }
  const double ns = call_.ns();
  return ns == 0 ? iterations <= few_iterations
                 : static_cast<double>(iterations) * ns > worth_forking_ns;
}

void LoopRun::run_by_time(LoopPart part) noexcept {
  if (!call_.may_fork() && !call_.may_stop()) {
    do_piece(part, part.end - part.begin);
    return;
  }
  if (call_.ns() == 0 && part.end - part.begin > few_iterations) {
    probe(part);
  }
  std::int64_t begun = 0;
  std::uint64_t piece = std::max<std::uint64_t>((part.end - part.begin) / first_piece, 1);
  while (part.begin != part.end && !call_.stopped()) {
    const std::uint64_t left = part.end - part.begin;
    if (is_worth_forking(left)) {
      body_.split(*this, part, part.begin + left / 2);
      return;
    }
    const double ns = call_.ns();
    if (piece >= left && ns != 0 && static_cast<double>(left) * ns < measurable_ns) {
      do_piece(part, left);
      return;
    }
    if (begun == 0) {
      begun = sys().monotonic_ns();
    }
    begun = do_piece(part, std::min(piece, left), begun);
    piece = static_cast<std::uint64_t>(std::max(piece_ns / call_.ns(), 1.0));
  }
}

void LoopRun::probe(LoopPart& part) noexcept {
  for (const std::uint64_t iterations : probes) {
    const std::uint64_t left = part.end - part.begin;
    if (left == 0 || call_.stopped()) {
      return;
    }
    const std::uint64_t some = std::min(iterations, left);
    const std::int64_t begun = sys().monotonic_ns();
    do_piece(part, some);
    const std::int64_t took = sys().monotonic_ns() - begun;
    if (took >= probed_ns || iterations == probes[2]) {
      call_.measured(static_cast<double>(some), took);
      return;
    }
  }
}

// Also learns from it. Returns when it ended.
std::int64_t LoopRun::do_piece(LoopPart& part, std::uint64_t iterations,
                               std::int64_t begun) noexcept {
  const double expected = static_cast<double>(iterations) * call_.ns();
  do_piece(part, iterations);
  const std::int64_t now = sys().monotonic_ns();
  if (expected == 0 || expected >= measurable_ns ||
      static_cast<double>(now - begun) >= measurable_ns) {
    call_.measured(static_cast<double>(iterations), now - begun);
  }
  return now;
}

void LoopRun::do_piece(LoopPart& part, std::uint64_t iterations) noexcept {
  const LoopPart piece{part.begin, part.begin + iterations, part.result};
  part.begin = piece.end;
  try {
    body_.run(piece);
  } catch (...) {
    call_.fail(std::current_exception());
  }
}

void run_loop(ParallelCall& call, const LoopBody& body, std::uint64_t iterations, void* result) {
  LoopRun loop(call, body);
  const auto run_all = [&] {
    if (iterations != 0) {
      loop.run({0, iterations, result});
    }
  };
  call.run(WorkRef(run_all));
}

}  // namespace coeval::detail
