// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The two ways for executors to make tasks of a process pool.

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/process_chunk_maker.hpp>
#include <coeval/executors/detail/process_relay.hpp>
#include <coeval/executors/detail/process_task.hpp>
#include <coeval/executors/detail/thread_tasks.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/submit.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace coeval::detail {

// Raises PickleError: what cannot cross was given to an AnyExecutor of processes.
[[noreturn]] COEVAL_EXPORT void throw_cannot_cross();

// The tasks of a ProcessPoolExecutor.
struct ProcessTasks {
  static constexpr bool may_be_local = false;

  template <class F, class... Args>
  static auto make(ExecutorBackend& backend, const TaskOptions* options, F&& f, Args&&... args) {
    using Call = Crossing<std::decay_t<F>, std::decay_t<Args>...>;
    static_assert(Call::function_crosses,
                  "coeval::ProcessPoolExecutor::submit: a lambda that captures cannot cross to "
                  "another process; pass what it captures as arguments: submit(f, args...)");
    static_assert(Call::arguments_cross,
                  "coeval::ProcessPoolExecutor::submit: an argument cannot be pickled; give its "
                  "type a serialize(archive) member, or pass something that can cross");
    static_assert(Call::result_crosses,
                  "coeval::ProcessPoolExecutor::submit: the result cannot be pickled; give its "
                  "type a serialize(archive) member, or return something that can cross");
    if constexpr (Call::crosses) {
      return make_process_task(backend, options, std::forward<F>(f), std::forward<Args>(args)...);
    } else {
      return Future<typename Call::Result>();
    }
  }

  static constexpr bool has_chunks = true;

  template <class F, class... Views, class Futures>
  static bool submit_chunk(ExecutorBackend& backend, const TaskOptions* options, const F& f,
                           MapInputs<Views...>& inputs, std::size_t most, Futures& futures) {
    using Call = Crossing<F, MapElement<Views>...>;
    if constexpr (Call::crosses && !Call::takes_stop_token) {
      if (takes_chunks(backend, options)) {
        return detail::submit_chunk(backend, options, f, inputs, most, futures);
      }
    }
    return submit_some<ProcessTasks>(backend, options, f, inputs, most, futures);
  }

  static LaunchElsewhere<ProcessTasks> launcher(std::shared_ptr<ExecutorBackend> backend,
                                                std::optional<TaskOptions> options) {
    return {std::move(backend), std::move(options)};
  }
};

// The tasks of an executor that is chosen at run time.
struct AnyTasks : private ThreadTasks {
  static constexpr bool may_be_local = true;
  using ThreadTasks::make_tempo;  // for threads only
  using ThreadTasks::submit_in_tempo;

  template <class F, class... Args>
  static auto make(ExecutorBackend& backend, const TaskOptions* options, F&& f, Args&&... args) {
    if (backend.process_pool() == nullptr) {
      return LocalTasks::make(backend, options, std::forward<F>(f), std::forward<Args>(args)...);
    }
    if constexpr (Crossing<std::decay_t<F>, std::decay_t<Args>...>::crosses) {
      return make_process_task(backend, options, std::forward<F>(f), std::forward<Args>(args)...);
    } else {
      throw_cannot_cross();
    }
  }

  static constexpr bool has_chunks = true;

  template <class F, class... Views, class Futures>
  static bool submit_chunk(ExecutorBackend& backend, const TaskOptions* options, const F& f,
                           MapInputs<Views...>& inputs, std::size_t most, Futures& futures) {
    if constexpr (Crossing<F, MapElement<Views>...>::crosses) {
      return ProcessTasks::submit_chunk(backend, options, f, inputs, most, futures);
    } else {
      return submit_some<AnyTasks>(backend, options, f, inputs, most, futures);
    }
  }

  struct Launch {
    static constexpr bool is_local = false;
    std::shared_ptr<ExecutorBackend> backend;
    std::optional<TaskOptions> options;

    template <class T, class F>
    auto chain(Cell& source, F&& f) const {
      if (backend->process_pool() == nullptr) {
        return detail::chain<T>(source, std::forward<F>(f), LaunchOn{backend, options});
      }
      return LaunchElsewhere<AnyTasks>{backend, options}.template chain<T>(source,
                                                                           std::forward<F>(f));
    }
  };
  static Launch launcher(std::shared_ptr<ExecutorBackend> backend,
                         std::optional<TaskOptions> options) {
    return {std::move(backend), std::move(options)};
  }
};

}  // namespace coeval::detail
