// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a map makes chunks of its inputs, and submits them.

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/process_chunk.hpp>
#include <coeval/executors/detail/process_task.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/task_options.hpp>
#include <coeval/pickle/pickle.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace coeval::detail {

// Whether the tasks of a map with these options, which may be null, may go in chunks there.
COEVAL_EXPORT bool takes_chunks(ExecutorBackend& backend, const TaskOptions* options) noexcept;
// Closes the payload of a chunk.
COEVAL_EXPORT void finish_chunk(ChunkTask& chunk, pickle::OutputArchive& archive,
                                const std::vector<std::uint32_t>& places);

// A chunk is full with so many bytes.
inline constexpr std::size_t full_chunk = std::size_t{16} << 10;

// Makes one chunk of calls of F with Args, all decayed.
template <class F, class... Args>
class ChunkMaker {
 public:
  using Call = Crossing<F, Args...>;
  using Result = typename Call::Result;

  ChunkMaker(ExecutorBackend& backend, const TaskOptions* options, const F& f, std::size_t most)
      : options_(options),
        most_(std::min(most, full_chunk)),  // as each takes a byte or more
        chunk_(*new ChunkTask(buffers_of(backend), &ChunkElement<Result>::read_value)),
        cell_(CellRef::first(chunk_)),
        archive_(chunk_.payload) {
    chunk_.drop_handle();  // it has no future
    static const ChunkEntry entry = Call::Arguments::chunk_entry();
    static const std::uint32_t entry_code = number_of_code(reinterpret_cast<Code>(entry));
    chunk_.entry_code = entry_code;
    chunk_.callable_code = code_in<F>(f);
    if (options != nullptr) {
      chunk_.set_options(*options);
    }
    chunk_.reserve(most_);
    places_.reserve(most_);
    write_call_function<F>(archive_, f);
  }

  ChunkMaker(const ChunkMaker&) = delete;
  ChunkMaker& operator=(const ChunkMaker&) = delete;
  ~ChunkMaker() {
    if (!queued_) {
      chunk_.drop_elements();
    }
  }

  // Adds a call, unless the arguments cannot be pickled, which it raises.
  template <class... As>
  Future<Result> add(As&&... arguments) {
    const std::size_t size = archive_.size();
    const std::size_t descriptors = archive_.descriptor_count();
    auto* const element =
        new ChunkElement<Result>(chunk_, static_cast<std::uint32_t>(places_.size()));
    auto future = Future<Result>::from_cell(element);
    if (options_ != nullptr) {
      element->set_options(*options_);
    }
    try {
      Call::Arguments::write(archive_, std::forward<As>(arguments)...);
    } catch (...) {
      archive_.rewind(size, descriptors);
      throw;
    }
    places_.push_back(static_cast<std::uint32_t>(size));
    chunk_.add(*element);
    return future;
  }

  // What carries descriptors is the last one: the others can be passed by.
  bool is_full() const noexcept {
    return size() == most_ ||
           (size() != 0 && (archive_.size() >= full_chunk || archive_.descriptor_count() != 0));
  }
  std::size_t size() const noexcept { return places_.size(); }

  // Errors: what the backend raises; the chunk is not queued then.
  void queue(ExecutorBackend& backend) {
    finish_chunk(chunk_, archive_, places_);
    backend.enqueue(CellRef(static_cast<Cell&>(chunk_)), nullptr);
    queued_ = true;
  }

 private:
  const TaskOptions* const options_;
  const std::size_t most_;
  ChunkTask& chunk_;
  CellRef cell_;
  pickle::OutputArchive archive_;
  std::vector<std::uint32_t> places_;  // where the arguments of each begin
  bool queued_ = false;
};

// Submits one chunk of the next inputs, at the most so many, and puts their futures at the end of
// futures. False when the inputs have ended. Raises as submit_some does.
template <class F, class... Views, class Futures>
bool submit_chunk(ExecutorBackend& backend, const TaskOptions* options, const F& f,
                  MapInputs<Views...>& inputs, std::size_t most, Futures& futures) {
  ChunkMaker<F, MapElement<Views>...> maker(backend, options, f, most);
  const auto enqueue = [&] {
    if (maker.size() != 0) {
      try {
        maker.queue(backend);
      } catch (...) {
        for (std::size_t i = 0; i != maker.size(); ++i) {
          futures.pop_back();
        }
        throw;
      }
    }
  };
  const auto add = [&](auto&&... elements) {
    return maker.add(std::forward<decltype(elements)>(elements)...);
  };
  bool more = true;
  try {
    while (more && !maker.is_full()) {
      auto future = inputs.apply_next(add);
      more = future.valid();
      if (more) {
        futures.push_back(std::move(future));
      }
    }
  } catch (...) {
    enqueue();
    throw;
  }
  enqueue();
  return more;
}

}  // namespace coeval::detail
