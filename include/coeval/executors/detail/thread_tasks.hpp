// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How executors make tasks for the threads of a pool.

#include <coeval/executors/detail/map_tempo.hpp>
#include <coeval/executors/detail/thread_chunk.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/map_results.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/futures/task_options.hpp>

#include <cstddef>
#include <memory>

namespace coeval::detail {

// The tasks of a ThreadPoolExecutor: those of a map may go in chunks.
struct ThreadTasks : LocalTasks {
  static std::shared_ptr<MapTempo> make_tempo(ExecutorBackend& backend, std::size_t buffersize) {
    return make_map_tempo(backend, buffersize);
  }

  template <class F, class... Views, class Result>
  static bool submit_in_tempo(ExecutorBackend& backend, const TaskOptions* options, const F& f,
                              const std::shared_ptr<MapTempo>& tempo, MapInputs<Views...>& inputs,
                              std::size_t most, MapResults<Result>& results) {
    return detail::submit_in_tempo<LocalTasks>(backend, options, f, tempo, inputs, most, results);
  }
};

}  // namespace coeval::detail
