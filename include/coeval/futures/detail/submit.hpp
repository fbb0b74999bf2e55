// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a call of submit or map becomes cells in a backend.

#include <coeval/core/errors.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/task_cell.hpp>
#include <coeval/futures/executor_options.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/task_options.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::detail {

// How tasks of this process are made. What else makes tasks has the same members.
struct LocalTasks {
  // Whether they are, or may be, called in this process: what forks its caller's own work needs that.
  static constexpr bool may_be_local = true;

  // A pending task for the backend, and the first future of it. options may be null: none.
  template <class F, class... Args>
  static auto make(ExecutorBackend&, const TaskOptions* options, F&& f, Args&&... args) {
    using Task = TaskCell<std::decay_t<F>, std::decay_t<Args>...>;
    auto* const task = new Task(std::in_place, std::forward<F>(f), std::forward<Args>(args)...);
    auto future = Future<typename Task::value_type>::from_cell(task);
    if (options != nullptr) {
      task->set_options(*options);
    }
    return future;
  }

  // What then(executor, f) chains with.
  static LaunchOn launcher(std::shared_ptr<ExecutorBackend> backend,
                           std::optional<TaskOptions> options) {
    return {std::move(backend), std::move(options)};
  }
};

template <class Tasks>
concept LocallyCalled = Tasks::may_be_local;

// when_full may be null: the backend's own rule.
template <class Tasks, class F, class... Args>
auto submit(ExecutorBackend& backend, const TaskOptions* options, const WhenFull* when_full, F&& f,
            Args&&... args) {
  static_assert(Submittable<F, Args...>,
                "coeval::submit: the function cannot be called with these arguments; it gets moved "
                "copies of them, so a parameter cannot be a non-const reference (use std::ref)");
  if constexpr (Submittable<F, Args...>) {
    auto future = Tasks::make(backend, options, std::forward<F>(f), std::forward<Args>(args)...);
    backend.enqueue(CellRef::first(*future.get_cell()), when_full);
    return future;
  }
}

template <class Tasks, class F, class... Args>
auto try_submit(ExecutorBackend& backend, const TaskOptions* options, F&& f, Args&&... args) {
  constexpr WhenFull fail = WhenFull::fail;
  using Submitted = decltype(submit<Tasks>(backend, options, &fail, std::forward<F>(f),
                                           std::forward<Args>(args)...));
  try {
    return std::optional<Submitted>(
        submit<Tasks>(backend, options, &fail, std::forward<F>(f), std::forward<Args>(args)...));
  } catch (const QueueFull&) {
    return std::optional<Submitted>();
  }
}

// Queues cells together, by enqueue(); of futures, the last ones stand for them. Those that could not
// be queued are gone from futures when this raises.
template <class Futures, class Enqueue>
void enqueue_with(std::vector<CellRef>& cells, Futures& futures, Enqueue enqueue) {
  try {
    enqueue();
  } catch (...) {
    for (const CellRef& cell : cells) {
      if (cell) {
        futures.pop_back();
      }
    }
    throw;
  }
}

// Submits f for up to most of the next inputs, in one step, and puts the futures at the end of
// futures. False when the inputs have ended. Raises what reading an input or queueing raises; what
// came before it is queued then.
template <class Tasks, class F, class Inputs, class Futures>
bool submit_some(ExecutorBackend& backend, const TaskOptions* options, const F& f, Inputs& inputs,
                 std::size_t most, Futures& futures) {
  std::vector<CellRef> cells;
  const auto make_one = [&](auto&&... elements) {
    auto future = Tasks::make(backend, options, f, std::forward<decltype(elements)>(elements)...);
    cells.push_back(CellRef::first(*future.get_cell()));
    return future;
  };
  bool more = true;
  try {
    while (more && cells.size() < most) {
      auto future = inputs.apply_next(make_one);
      more = future.valid();
      if (more) {
        futures.push_back(std::move(future));
      }
    }
  } catch (...) {
    enqueue_with(cells, futures, [&] { backend.enqueue_all(cells); });
    throw;
  }
  enqueue_with(cells, futures, [&] { backend.enqueue_all(cells); });
  return more;
}

// How many tasks go to an executor in one step at the most.
inline constexpr std::size_t most_at_once = 256;

template <class Tasks, class F, class... Ranges>
auto submit_bulk(ExecutorBackend& backend, const TaskOptions* options, const F& f,
                 Ranges&&... ranges) {
  static_assert(Submittable<F, std::ranges::range_value_t<Ranges>...>,
                "coeval::submit_bulk: the function cannot be called with one element of each "
                "range; it gets moved copies of them");
  if constexpr (Submittable<F, std::ranges::range_value_t<Ranges>...>) {
    std::vector<Future<TaskResult<F, std::ranges::range_value_t<Ranges>...>>> futures;
    MapInputs<std::views::all_t<Ranges>...> inputs(
        std::views::all(std::forward<Ranges>(ranges))...);
    try {
      while (submit_some<Tasks>(backend, options, f, inputs, most_at_once, futures)) {
      }
    } catch (...) {
      for (const auto& future : futures) {
        future.stop();
      }
      throw;
    }
    return futures;
  }
}

// How many inputs a map is ahead of the result that is read, if it was not told. chunksize may be any
// number, as one says "all".
inline std::size_t inputs_ahead(std::size_t workers, std::size_t chunksize) noexcept {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2;
  return chunksize < most / workers ? 2 * workers * chunksize : most;
}

}  // namespace coeval::detail
