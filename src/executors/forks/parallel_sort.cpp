// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_sort.hpp>

#include "executors/forks/fork_costs.hpp"

#include <coeval/core/system.hpp>

#include <bit>

namespace coeval::detail {
namespace {

constexpr std::size_t never_forked = 32;

// The cost of a sort is counted in comparisons, and these go by n log n. What one costs is assumed
// as long as it is not known.
constexpr double assumed_ns = 1;

double comparisons(std::size_t size) noexcept {
  return static_cast<double>(size) * static_cast<double>(std::bit_width(size));
}

}  // namespace

bool sorts_alone(const ParallelCall& call, std::size_t size) noexcept {
  if (call.grain() != 0) {
    return size <= call.grain();
  }
  if (size <= never_forked || (!call.may_fork() && !call.may_stop())) {
    return true;
  }
  const double ns = call.ns() == 0 ? assumed_ns : call.ns();
  return comparisons(size) * ns <= worth_forking_ns;
}

std::int64_t begin_sort(const ParallelCall& call, std::size_t size) noexcept {
  const bool is_short = call.ns() != 0 && comparisons(size) * call.ns() < measurable_ns;
  return is_short ? 0 : sys().monotonic_ns();
}

void end_sort(ParallelCall& call, std::size_t size, std::int64_t begun) noexcept {
  if (begun != 0) {
    call.measured(comparisons(size), sys().monotonic_ns() - begun);
  }
}

}  // namespace coeval::detail
