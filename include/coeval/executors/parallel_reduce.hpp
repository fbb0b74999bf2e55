// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// parallel_reduce: one value of many, computed on the workers of an executor.

#include <coeval/executors/detail/parallel_loop.hpp>
#include <coeval/executors/parallel_options.hpp>
#include <coeval/futures/executor.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

namespace coeval {

namespace detail {

// The result of a part is an std::optional<T>, with nothing in it before its first element.
template <class Iterator, class T, class Op, class Transform>
class ReduceLoop final : public LoopBody {
 public:
  ReduceLoop(Iterator first, const Op& op, const Transform& transform)
      : first_(std::move(first)), op_(op), transform_(transform) {}

  void run(const LoopPart& part) const override {
    auto& result = *static_cast<std::optional<T>*>(part.result);
    Iterator at = first_ + static_cast<Distance>(part.begin);
    const Iterator last = first_ + static_cast<Distance>(part.end);
    if (!result) {
      result.emplace(std::invoke(transform_, *at));
      ++at;
    }
    T sum = std::move(*result);
    if constexpr (std::floating_point<T> && std::same_as<Element, T>) {
      // Each step of a single chain would wait for the one before.
      for (; last - at >= 8; at += 8) {
        sum = join(std::move(sum),
                   join(join(pair(at), pair(at + 2)), join(pair(at + 4), pair(at + 6))));
      }
    }
    for (; at != last; ++at) {
      sum = join(std::move(sum), std::invoke(transform_, *at));
    }
    *result = std::move(sum);
  }

  void split(LoopRun& loop, const LoopPart& part, std::uint64_t middle) const noexcept override {
    auto& left = *static_cast<std::optional<T>*>(part.result);
    std::optional<T> right;
    loop.both({part.begin, middle, part.result}, {middle, part.end, &right});
    if (loop.call().stopped()) {
      return;
    }
    try {
      *left = join(std::move(*left), std::move(*right));
    } catch (...) {
      loop.call().fail(std::current_exception());
    }
  }

 private:
  using Distance = std::iter_difference_t<Iterator>;
  using Element =
      std::remove_cvref_t<std::invoke_result_t<const Transform&, std::iter_reference_t<Iterator>>>;

  T pair(const Iterator& at) const {
    return join(std::invoke(transform_, *at), std::invoke(transform_, *(at + 1)));
  }

  template <class Left, class Right>
  T join(Left&& left, Right&& right) const {
    return static_cast<T>(std::invoke(op_, std::forward<Left>(left), std::forward<Right>(right)));
  }

  const Iterator first_;
  const Op& op_;
  const Transform& transform_;
};

// What parallel_reduce asks of the types, beside that the functions are called as const objects.
template <class T, class Reference, class Op, class Transform>
concept Reducible =
    std::movable<T> && std::is_invocable_v<const Transform&, Reference> &&
    std::convertible_to<std::invoke_result_t<const Transform&, Reference>, T> &&
    std::is_invocable_r_v<T, const Op&, T, std::invoke_result_t<const Transform&, Reference>> &&
    std::is_invocable_r_v<T, const Op&, T, T>;

}  // namespace detail

// Joins init and transform(element) of each element with op, from the first to the last, and
// returns the sum; what "sum" and "join" mean is op's to say: init if the range is empty.
//
//   const double total = coeval::parallel_reduce(pool, prices, 0.0);
//   const std::string all = coeval::parallel_reduce(pool, words, std::string(), std::plus<>());
//   const double norm = coeval::parallel_reduce(pool, xs, 0.0, std::plus<>(), square);
//
// op must be associative, as the elements are joined in groups: op(op(a, b), op(c, d)). It need not
// be commutative: the order stays that of the range. init is used once. As with std::reduce, T is
// the type of init: write 0.0 and not 0 for doubles.
// The sum of floating point numbers depends in its last digits on the groups, and so on what other
// threads do. With a grain it is the same in each call and on each machine, with any executor.
// The range has random access and a size. T is moved, and not copied. Both functions are shared by
// the threads and called as const objects.
// Threads, errors, cancellation and thread safety are those of parallel_for.
template <class Derived, detail::LocallyCalled Tasks, class Range, class T, class Op = std::plus<>,
          class Transform = std::identity>
T parallel_reduce(ExecutorInterface<Derived, Tasks>& executor, const ParallelOptions& options,
                  Range&& range, T init, Op op = {}, Transform transform = {}) {
  constexpr bool iterable =
      std::ranges::random_access_range<Range> && std::ranges::sized_range<Range>;
  static_assert(iterable,
                "coeval::parallel_reduce: the range must have random access and a size, as a "
                "std::vector or std::views::iota(0, n) has");
  if constexpr (iterable) {
    constexpr bool reducible =
        detail::Reducible<T, std::ranges::range_reference_t<Range>, Op, Transform>;
    static_assert(reducible,
                  "coeval::parallel_reduce: op(T, T) and op(T, transform(element)) must give what "
                  "converts to T, the type of init, and so must transform(element) itself; both "
                  "functions are called as const objects (a lambda cannot be mutable)");
    if constexpr (reducible) {
      using Loop = detail::ReduceLoop<std::ranges::iterator_t<Range>, T, Op, Transform>;
      const Loop loop(std::ranges::begin(range), op, transform);
      detail::ParallelCall call("coeval::parallel_reduce",
                                *static_cast<Derived&>(executor).backend(), options,
                                detail::cost_of<Loop>);
      std::optional<T> sum(std::move(init));
      detail::run_loop(call, loop, static_cast<std::uint64_t>(std::ranges::size(range)), &sum);
      return std::move(*sum);
    }
  }
}

template <class Derived, detail::LocallyCalled Tasks, class Range, class T, class Op = std::plus<>,
          class Transform = std::identity>
  requires(!std::same_as<std::remove_cvref_t<Range>, ParallelOptions>)
T parallel_reduce(ExecutorInterface<Derived, Tasks>& executor, Range&& range, T init, Op op = {},
                  Transform transform = {}) {
  return parallel_reduce(executor, ParallelOptions(), std::forward<Range>(range), std::move(init),
                         std::move(op), std::move(transform));
}

}  // namespace coeval
