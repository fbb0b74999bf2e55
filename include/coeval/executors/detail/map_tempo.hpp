// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// MapTempo: how long the elements of one map take on threads, and so how many of them go there
// together.

#include <coeval/core/atomic.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/system.hpp>
#include <coeval/futures/detail/backend.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace coeval::detail {

// Thread-safe. Shared by the range and its tasks.
//
// Invariants:
//  1. The pace is one element at a time until elements are known to be tiny: it grows to a few times
//     what was measured together at the most, and a long element makes it 1 again.
//  2. With a buffer of a given size there are four chunks in it, or more.
class COEVAL_EXPORT MapTempo {
 public:
  // For so many workers. buffersize 0: finds out, too, how far the map is to be ahead.
  MapTempo(std::size_t workers, std::size_t buffersize) noexcept;

  const MapPace& pace() const noexcept { return pace_; }
  std::size_t batch() const noexcept { return pace_.batch.load(std::memory_order_relaxed); }

  // So many elements took so long, one after the other.
  void note(std::size_t elements, std::int64_t wall_ns) noexcept;
  // An element takes long.
  void note_long() noexcept;

 private:
  void set_batch(std::size_t batch) noexcept;

  const std::size_t workers_;  // that can run at the same time
  const std::size_t most_;     // in a chunk
  const bool finds_ahead_;
  // Relaxed, as hints are: a note that is lost among others makes no difference.
  atomic<std::int64_t> mean_ps_{0};  // 0: not known
  MapPace pace_;
};

// The tempo of a map whose tasks may go in chunks there: to the threads of a pool without a bound on
// its queue. Null: they may not.
COEVAL_EXPORT std::shared_ptr<MapTempo> make_map_tempo(ExecutorBackend& backend,
                                                       std::size_t buffersize);

// A function that tells the tempo how long its call took.
template <class F>
class TimedCall {
 public:
  TimedCall(const F& f, std::shared_ptr<MapTempo> tempo) : f_(f), tempo_(std::move(tempo)) {}

  template <class... Args>
    requires std::is_invocable_v<F, Args...>
  decltype(auto) operator()(Args&&... args) && {
    const struct Clock {
      explicit Clock(MapTempo& t) : tempo(t), began_at(sys().monotonic_ns()) {}
      ~Clock() { tempo.note(1, sys().monotonic_ns() - began_at); }
      MapTempo& tempo;
      const std::int64_t began_at;
    } clock(*tempo_);
    return std::invoke(std::move(f_), std::forward<Args>(args)...);
  }

 private:
  F f_;
  std::shared_ptr<MapTempo> tempo_;
};

}  // namespace coeval::detail
