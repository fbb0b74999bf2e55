// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/detail/map_tempo.hpp>

#include "executors/threads/thread_pool.hpp"

#include <coeval/core/cpu.hpp>

namespace coeval::detail {
namespace {

// What a worker takes together is about so long: some times what it costs to wake it.
constexpr std::int64_t chunk_ns = 100'000;
// Beyond that the memory of a chunk leaves the caches.
constexpr std::size_t most_in_chunk = 1024;
// How much larger than a chunk that was measured the next ones are.
constexpr std::size_t growth = 4;
// So many chunks are ahead for each worker: one runs, one waits, one is read.
constexpr std::size_t chunks_ahead = 3;
// Of a buffer of a given size a chunk is such a part.
constexpr std::size_t parts_of_buffer = 4;

constexpr std::int64_t weight_of_past = 3;
constexpr std::int64_t longest_ns = 1'000'000'000;
constexpr std::int64_t ps_per_ns = 1000;

}  // namespace

MapTempo::MapTempo(std::size_t workers, std::size_t buffersize) noexcept
    : workers_(workers),
      most_(buffersize == 0
                ? most_in_chunk
                : std::clamp(buffersize / parts_of_buffer, std::size_t{1}, most_in_chunk)),
      finds_ahead_(buffersize == 0) {}

void MapTempo::note(std::size_t elements, std::int64_t wall_ns) noexcept {
  const std::int64_t each_ps =
      std::max<std::int64_t>(1, std::clamp<std::int64_t>(wall_ns, 1, longest_ns) * ps_per_ns /
                                    static_cast<std::int64_t>(elements));
  const std::int64_t before = mean_ps_.load(std::memory_order_relaxed);
  const std::int64_t mean =
      before == 0 ? each_ps : (weight_of_past * before + each_ps) / (weight_of_past + 1);
  mean_ps_.store(mean, std::memory_order_relaxed);
  const auto fitting =
      static_cast<std::size_t>(chunk_ns * ps_per_ns / std::max<std::int64_t>(mean, 1));
  set_batch(std::clamp(std::min(fitting, growth * elements), std::size_t{1}, most_));
}

void MapTempo::note_long() noexcept {
  mean_ps_.store(chunk_ns * ps_per_ns, std::memory_order_relaxed);
  set_batch(1);
}

void MapTempo::set_batch(std::size_t batch) noexcept {
  pace_.batch.store(batch, std::memory_order_relaxed);
  if (finds_ahead_ && batch > 1) {
    pace_.ahead.store(chunks_ahead * batch * workers_, std::memory_order_relaxed);
  }
}

std::shared_ptr<MapTempo> make_map_tempo(ExecutorBackend& backend, std::size_t buffersize) {
  ThreadPool* const pool = backend.thread_pool();
  if (pool == nullptr || pool->is_bounded()) {
    return nullptr;
  }
  const auto cpus = static_cast<std::size_t>(std::max(1, usable_cpu_count()));
  return std::make_shared<MapTempo>(std::min(pool->max_workers(), cpus), buffersize);
}

}  // namespace coeval::detail
