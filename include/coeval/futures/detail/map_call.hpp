// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a call of map becomes a MapRange.

#include <coeval/core/errors.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/map_results.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/futures/detail/task_cell.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/futures/task_options.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

namespace coeval::detail {

// What makes the chunks of a map in this process, if its tasks may go in such: then Tasks has
// make_tempo(backend, buffersize) and submit_in_tempo(…).
template <class Tasks, class F, class... Elements>
inline constexpr bool has_tempo = requires(ExecutorBackend& backend) {
  Tasks::make_tempo(backend, std::size_t{0});
} && !TakesStopToken<F, Elements...>;

template <class Tasks, class F, class... Elements>
auto find_tempo([[maybe_unused]] ExecutorBackend& backend,
                [[maybe_unused]] const std::optional<TaskOptions>& task_options,
                [[maybe_unused]] std::size_t buffersize) {
  if constexpr (has_tempo<Tasks, F, Elements...>) {
    // A limit on the time of each element needs a clock for each.
    return task_options && task_options->timeout.count() > 0
               ? nullptr
               : Tasks::make_tempo(backend, buffersize);
  } else {
    return nullptr;
  }
}

template <class Tempo>
const MapPace* pace_of(const Tempo& tempo, ExecutorBackend& backend, std::size_t buffersize) {
  if constexpr (!std::is_null_pointer_v<Tempo>) {
    if (tempo != nullptr) {
      return &tempo->pace();
    }
  }
  return buffersize != 0 ? nullptr : backend.map_pace();
}

template <class Tasks, class F, class... Ranges>
auto make_map_range(std::shared_ptr<ExecutorBackend> backend,
                    std::optional<TaskOptions> task_options, const MapOptions& options, F f,
                    Ranges&&... ranges) {
  const bool in_chunks = backend->map_pace() != nullptr;
  std::size_t batch = in_chunks ? options.chunksize : 1;
  std::size_t ahead =
      options.buffersize != 0 ? options.buffersize : inputs_ahead(backend->max_workers(), batch);
  batch = std::min(batch, ahead);
  auto tempo = find_tempo<Tasks, F, MapElement<std::views::all_t<Ranges>>...>(
      *backend, task_options, options.buffersize);
  const MapPace* pace = pace_of(tempo, *backend, options.buffersize);
  if (options.eager) {
    ahead = std::numeric_limits<std::size_t>::max();
  }
  using Result = TaskResult<F, std::ranges::range_value_t<Ranges>...>;
  using Inputs = MapInputs<std::views::all_t<Ranges>...>;
  auto inputs = std::make_unique<Inputs>(std::views::all(std::forward<Ranges>(ranges))...);
  return MapRange<Result>(
      options, ahead, batch, pace,
      [backend = std::move(backend), task_options = std::move(task_options), f = std::move(f),
       inputs = std::move(inputs), tempo = std::move(tempo), batch,
       pace](MapResults<Result>& results, std::size_t most) {
        static_cast<void>(tempo);  // where there is none, its capture is of no use
        const TaskOptions* const each = task_options ? &*task_options : nullptr;
        if constexpr (!std::is_null_pointer_v<decltype(tempo)>) {
          if (tempo != nullptr) {
            return Tasks::submit_in_tempo(*backend, each, f, tempo, *inputs, most, results);
          }
        }
        [[maybe_unused]] const std::size_t size =
            pace != nullptr && batch == 1 ? pace->batch.load(std::memory_order_relaxed) : batch;
        if constexpr (requires { Tasks::has_chunks; }) {
          if (size > 1) {
            return Tasks::submit_chunk(*backend, each, f, *inputs, std::min(most, size), results);
          }
        }
        return submit_some<Tasks>(*backend, each, f, *inputs, std::min(most, most_at_once),
                                  results);
      });
}

template <class Tasks, class F, class... Ranges>
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
    return make_map_range<Tasks>(std::move(backend), std::move(task_options), options, std::move(f),
                                 std::forward<Ranges>(ranges)...);
  }
}

}  // namespace coeval::detail
