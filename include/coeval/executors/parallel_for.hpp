// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// parallel_for: a loop whose iterations run on the workers of an executor.

#include <coeval/core/errors.hpp>
#include <coeval/executors/detail/parallel_loop.hpp>
#include <coeval/executors/parallel_options.hpp>
#include <coeval/futures/executor.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

namespace coeval {

namespace detail {

// In a loop the compiler can make more of a copy that nobody else sees. To copy these is free.
template <class F>
inline constexpr bool is_small_function = false;
template <class F>
  requires std::is_object_v<F> && std::is_trivially_copyable_v<F> && std::copy_constructible<F>
inline constexpr bool is_small_function<F> = sizeof(F) <= 64;
template <class F>
using InLoop = std::conditional_t<is_small_function<F>, const F, const F&>;

template <class Index, class F>
class IndexLoop final : public LoopBody {
 public:
  IndexLoop(Index first, const F& f) noexcept : first_(first), f_(f) {}

  void run(const LoopPart& part) const override {
    InLoop<F> f = f_;
    const Index last = index(part.end);
    for (Index i = index(part.begin); i < last; ++i) {
      std::invoke(f, Index(i));
    }
  }

 private:
  Index index(std::uint64_t number) const noexcept {
    return static_cast<Index>(static_cast<std::uint64_t>(first_) + number);
  }

  const Index first_;
  const F& f_;
};

template <class Iterator, class F>
class RangeLoop final : public LoopBody {
 public:
  RangeLoop(Iterator first, const F& f) : first_(std::move(first)), f_(f) {}

  void run(const LoopPart& part) const override {
    using Distance = std::iter_difference_t<Iterator>;
    InLoop<F> f = f_;
    const Iterator last = first_ + static_cast<Distance>(part.end);
    for (Iterator at = first_ + static_cast<Distance>(part.begin); at != last; ++at) {
      std::invoke(f, *at);
    }
  }

 private:
  const Iterator first_;
  const F& f_;
};

// An integer that can be counted through in 64 bits.
template <class I>
concept LoopIndex = std::integral<I> && !std::same_as<I, bool> && sizeof(I) <= 8;

}  // namespace detail

// Calls f(i) for each integer from first to last - 1, on the calling thread and on the executor's
// workers, in no particular order; returns when all calls have ended.
//
//   coeval::parallel_for(pool, 0, height, [&](int y) { render_row(image, y); });
//   coeval::parallel_for(pool, images, [](Image& image) { sharpen(image); });
//   coeval::parallel_for(pool, {.grain = 1}, files, convert);   // few elements, each of them long
//
// A loop that is over within about 20 µs runs on the calling thread alone: what an iteration costs
// is learned as loops run, for each type of function (so std::function, as one type for all, learns
// badly: give the lambda itself). A loop on an executor with one processor, or on an
// InlineExecutor, runs there too. If the executor has an initializer and this thread is none of its
// workers, it only waits.
// The function is not copied to be kept; the threads share it and call it as a const object, so
// calls must not disturb each other. It may use the same executor, for other loops as well.
// Errors: the first exception ends the loop and is raised here when all calls have ended; others
// are dropped. RuntimeError after the executor's shutdown, BrokenExecutor; a loop that has begun is
// done in spite of a shutdown. ValueError if first is negative and last is of an unsigned type.
// Cancellation: see ParallelOptions. Thread safety: may be called from any thread, tasks included.
template <class Derived, detail::LocallyCalled Tasks, class First, class Last, class F>
  requires(!std::same_as<First, ParallelOptions>)
void parallel_for(ExecutorInterface<Derived, Tasks>& executor, const ParallelOptions& options,
                  First first, Last last, F&& f) {
  constexpr bool integers = detail::LoopIndex<First> && detail::LoopIndex<Last>;
  static_assert(integers,
                "coeval::parallel_for: first and last must be integers; the elements of anything "
                "else are given as one range");
  if constexpr (integers) {
    using Index = std::common_type_t<First, Last>;
    using Function = std::remove_cvref_t<F>;
    constexpr bool callable = std::is_invocable_v<const Function&, Index>;
    static_assert(callable,
                  "coeval::parallel_for: the function cannot be called with an index; the threads "
                  "share it, so it is called as a const object (a lambda cannot be mutable)");
    if constexpr (callable) {
      if (std::is_unsigned_v<Index> && first < First(0)) {
        throw ValueError(
            "coeval::parallel_for: first is negative, and last is of an unsigned type: convert one "
            "of them to the type of the other");
      }
      const Index from = static_cast<Index>(first);
      const Index to = static_cast<Index>(last);
      using Loop = detail::IndexLoop<Index, Function>;
      const Loop loop(from, f);
      detail::ParallelCall call("coeval::parallel_for", *static_cast<Derived&>(executor).backend(),
                                options, detail::cost_of<Loop>);
      const std::uint64_t iterations =
          from < to ? static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from) : 0;
      detail::run_loop(call, loop, iterations, nullptr);
    }
  }
}

template <class Derived, detail::LocallyCalled Tasks, class First, class Last, class F>
  requires(!std::same_as<First, ParallelOptions>)
void parallel_for(ExecutorInterface<Derived, Tasks>& executor, First first, Last last, F&& f) {
  parallel_for(executor, ParallelOptions(), first, last, std::forward<F>(f));
}

// The same for the elements of a range with random access and a size: calls f(element).
template <class Derived, detail::LocallyCalled Tasks, class Range, class F>
void parallel_for(ExecutorInterface<Derived, Tasks>& executor, const ParallelOptions& options,
                  Range&& range, F&& f) {
  constexpr bool iterable =
      std::ranges::random_access_range<Range> && std::ranges::sized_range<Range>;
  static_assert(iterable,
                "coeval::parallel_for: the range must have random access and a size, as a "
                "std::vector or std::views::iota(0, n) has");
  if constexpr (iterable) {
    using Iterator = std::ranges::iterator_t<Range>;
    using Function = std::remove_cvref_t<F>;
    constexpr bool callable =
        std::is_invocable_v<const Function&, std::ranges::range_reference_t<Range>>;
    static_assert(callable,
                  "coeval::parallel_for: the function cannot be called with an element of the "
                  "range; the threads share it, so it is called as a const object (a lambda cannot "
                  "be mutable)");
    if constexpr (callable) {
      using Loop = detail::RangeLoop<Iterator, Function>;
      const Loop loop(std::ranges::begin(range), f);
      detail::ParallelCall call("coeval::parallel_for", *static_cast<Derived&>(executor).backend(),
                                options, detail::cost_of<Loop>);
      detail::run_loop(call, loop, static_cast<std::uint64_t>(std::ranges::size(range)), nullptr);
    }
  }
}

template <class Derived, detail::LocallyCalled Tasks, class Range, class F>
void parallel_for(ExecutorInterface<Derived, Tasks>& executor, Range&& range, F&& f) {
  parallel_for(executor, ParallelOptions(), std::forward<Range>(range), std::forward<F>(f));
}

}  // namespace coeval
