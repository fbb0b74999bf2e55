// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a map makes chunks of its inputs for the threads of a pool, and submits them.

#include <coeval/core/export.hpp>
#include <coeval/core/hooks.hpp>
#include <coeval/executors/detail/map_tempo.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_chunk.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/map_results.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/futures/detail/task_cell.hpp>
#include <coeval/futures/task_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace coeval::detail {

// Runs the elements of a chunk that nobody has claimed yet, in the worker that the calling thread is.
COEVAL_EXPORT void run_map_chunk(MapChunk& chunk, MapTempo& tempo);
// Queues chunks together, for a thread pool, as enqueue_all does.
COEVAL_EXPORT void enqueue_chunks(ExecutorBackend& backend, std::span<CellRef> chunks);

// A chunk of calls of F with Args, all decayed.
template <class F, class... Args>
class ThreadChunk final : public MapChunkOf<TaskResult<F, Args...>> {
 public:
  ThreadChunk(const F& f, std::shared_ptr<MapTempo> tempo, std::size_t most)
      : MapChunkOf<TaskResult<F, Args...>>(most),
        f_(f),
        tempo_(std::move(tempo)),
        most_(most),
        arguments_(new std::optional<std::tuple<Args...>>[most]) {}

  // While it is made. Raises what the arguments raise.
  template <class... As>
  bool add(As&&... arguments) {
    arguments_[this->size()].emplace(std::forward<As>(arguments)...);
    this->set_size(this->size() + 1);
    return true;
  }
  bool is_full() const noexcept { return this->size() == most_; }

  Ran run_element(std::uint32_t element) override {
    const struct Drop {
      ~Drop() { arguments.reset(); }
      std::optional<std::tuple<Args...>>& arguments;
    } drop{arguments_[element]};
    return this->capture(element, [&]() -> decltype(auto) {
      return std::apply(
          [this](Args&... arguments) -> decltype(auto) {
            // Each call has a function object of its own.
            return std::invoke(F(f_), std::move(arguments)...);
          },
          *drop.arguments);
    });
  }
  void fail_element(std::uint32_t element, const std::exception_ptr& error) noexcept override {
    arguments_[element].reset();
    MapChunkOf<TaskResult<F, Args...>>::fail_element(element, error);
  }

 private:
  void call(Ran& ran) override {
    ran = Ran::by_elements;
    run_map_chunk(*this, *tempo_);
  }

  const F f_;
  const std::shared_ptr<MapTempo> tempo_;
  const std::size_t most_;
  const std::unique_ptr<std::optional<std::tuple<Args...>>[]> arguments_;
};

// Submits chunks of the next inputs, at the most so many inputs, and puts them at the end of results.
// False when the inputs have ended. Raises as submit_some does.
template <class F, class... Views, class Result>
bool submit_chunks(ExecutorBackend& backend, const TaskOptions* options, const F& f,
                   const std::shared_ptr<MapTempo>& tempo, std::size_t batch,
                   MapInputs<Views...>& inputs, std::size_t most, MapResults<Result>& results) {
  using Chunk = ThreadChunk<F, MapElement<Views>...>;
  std::vector<CellRef> chunks;
  const auto fill_one = [&](std::size_t size) {
    auto* const chunk = new Chunk(f, tempo, size);
    CellRef cell = CellRef::first(*chunk);
    MapChunkHandle<Result> handle(*chunk);
    if (options != nullptr) {
      chunk->set_options(*options);
    }
    // What was taken from the inputs goes there, also when the next one raises.
    const auto keep = [&] {
      if (chunk->size() != 0) {
        chunks.push_back(std::move(cell));
        results.push_back(std::move(handle));
      }
    };
    const auto add = [chunk](auto&&... elements) {
      return chunk->add(std::forward<decltype(elements)>(elements)...);
    };
    bool has_next = true;
    try {
      while (has_next && !chunk->is_full()) {
        has_next = inputs.apply_next(add);
      }
    } catch (...) {
      keep();
      throw;
    }
    keep();
    return has_next;
  };
  bool more = true;
  try {
    for (std::size_t left = most; more && left != 0 && chunks.size() < most_at_once;) {
      const std::size_t size = std::min(batch, left);
      more = fill_one(size);
      left -= size;
    }
  } catch (...) {
    enqueue_with(chunks, results, [&] { enqueue_chunks(backend, chunks); });
    throw;
  }
  enqueue_with(chunks, results, [&] { enqueue_chunks(backend, chunks); });
  return more;
}

// The next inputs of a map, at the most so many, as its tempo says.
template <class Tasks, class F, class... Views, class Result>
bool submit_in_tempo(ExecutorBackend& backend, const TaskOptions* options, const F& f,
                     const std::shared_ptr<MapTempo>& tempo, MapInputs<Views...>& inputs,
                     std::size_t most, MapResults<Result>& results) {
  const bool observed = is_observed();  // then each element is to have its events
  if (const std::size_t batch = std::min(tempo->batch(), most); batch > 1 && !observed) {
    return submit_chunks(backend, options, f, tempo, batch, inputs, most, results);
  }
  return submit_some<Tasks>(backend, options, TimedCall<F>(f, tempo), inputs,
                            std::min(most, most_at_once), results);
}

}  // namespace coeval::detail
