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
#include <coeval/futures/map.hpp>
#include <coeval/futures/task_options.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

namespace coeval::detail {

// options and when_full may be null: none, and the backend's own rule.
template <class F, class... Args>
auto submit(ExecutorBackend& backend, const TaskOptions* options, const WhenFull* when_full, F&& f,
            Args&&... args) {
  static_assert(Submittable<F, Args...>,
                "coeval::submit: the function cannot be called with these arguments; it gets moved "
                "copies of them, so a parameter cannot be a non-const reference (use std::ref)");
  if constexpr (Submittable<F, Args...>) {
    using Task = TaskCell<std::decay_t<F>, std::decay_t<Args>...>;
    auto* const task = new Task(std::in_place, std::forward<F>(f), std::forward<Args>(args)...);
    auto future = Future<typename Task::value_type>::from_cell(task);
    if (options != nullptr) {
      task->set_options(*options);
    }
    backend.enqueue(CellRef::first(*task), when_full);
    return future;
  }
}

template <class F, class... Args>
auto try_submit(ExecutorBackend& backend, const TaskOptions* options, F&& f, Args&&... args) {
  constexpr WhenFull fail = WhenFull::fail;
  using Submitted =
      decltype(submit(backend, options, &fail, std::forward<F>(f), std::forward<Args>(args)...));
  try {
    return std::optional<Submitted>(
        submit(backend, options, &fail, std::forward<F>(f), std::forward<Args>(args)...));
  } catch (const QueueFull&) {
    return std::optional<Submitted>();
  }
}

template <class F, class... Ranges>
auto make_map_range(std::shared_ptr<ExecutorBackend> backend,
                    std::optional<TaskOptions> task_options, const MapOptions& options, F f,
                    Ranges&&... ranges) {
  std::size_t ahead = options.buffersize != 0 ? options.buffersize : 2 * backend->max_workers();
  if (options.eager) {
    ahead = std::numeric_limits<std::size_t>::max();
  }
  auto submit_one = [backend = std::move(backend), task_options = std::move(task_options),
                     f = std::move(f)](auto&&... elements) {
    return submit(*backend, task_options ? &*task_options : nullptr, nullptr, f,
                  std::forward<decltype(elements)>(elements)...);
  };
  using Inputs = MapInputs<std::views::all_t<Ranges>...>;
  using Submitted = decltype(std::declval<Inputs&>().apply_next(submit_one));
  auto inputs = std::make_unique<Inputs>(std::views::all(std::forward<Ranges>(ranges))...);
  return MapRange<typename Submitted::value_type>(
      options, ahead, [inputs = std::move(inputs), submit_one = std::move(submit_one)]() mutable {
        return inputs->apply_next(submit_one);
      });
}

template <class F, class... Ranges>
auto map(std::shared_ptr<ExecutorBackend> backend, std::optional<TaskOptions> task_options,
         const MapOptions& options, F f, Ranges&&... ranges) {
  constexpr bool copyable = std::copy_constructible<F>;
  constexpr bool callable = Submittable<F, std::ranges::range_value_t<Ranges>...>;
  static_assert(copyable,
                "coeval::map: the function is copied into each task, so it must be copyable");
  static_assert(
      callable,
      "coeval::map: the function cannot be called with one element of each range; it gets "
      "moved copies of them");
  if (options.chunksize == 0) {
    throw ValueError("coeval::map: chunksize must be at least 1");
  }
  if constexpr (copyable && callable) {
    return make_map_range(std::move(backend), std::move(task_options), options, std::move(f),
                          std::forward<Ranges>(ranges)...);
  }
}

}  // namespace coeval::detail
