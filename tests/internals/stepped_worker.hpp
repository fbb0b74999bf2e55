// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a SIGKILL of a process pool's worker, at any instruction, costs.

#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/future.hpp>

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace coeval::testing {

// What a worker is given.
struct Hand {
  std::string_view name;
  // Submits tasks to the backend, in order; each must end as is_right says of its number.
  std::function<std::vector<Future<int>>(detail::ExecutorBackend&)> fill;
  std::function<bool(std::size_t number, const Future<int>& done)> is_right;
  // The positions, counted from 0, that the pool takes back before the worker begins.
  std::vector<std::size_t> taken_back = {};
};

struct Steps {
  std::size_t points = 0;  // instructions
  std::size_t states = 0;  // of the memory
};

// Steps through the loop of a worker as it does what it was given, again and again until there were
// so many points. At each, the memory that it shares with its pool is what a SIGKILL would leave; the
// pool's side of a second worker, which was given the same, buries what it finds there. Each task
// that was told of must be right, in the order in which they were given, one at the most may have
// been running, and all others must be untouched.
Steps step_worker(const Hand& hand, std::size_t wanted_points);

}  // namespace coeval::testing
