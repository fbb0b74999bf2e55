// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// parallel_sort: sorts a range on the workers of an executor.

#include <coeval/executors/detail/introsort.hpp>
#include <coeval/executors/detail/parallel_call.hpp>
#include <coeval/executors/parallel_options.hpp>
#include <coeval/futures/executor.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

namespace coeval {

namespace detail {

// Whether a part of so many elements is to be sorted by one thread.
COEVAL_EXPORT bool sorts_alone(const ParallelCall& call, std::size_t size) noexcept;

// When the sorting of so many elements begins, if it is to be measured; else 0.
COEVAL_EXPORT std::int64_t begin_sort(const ParallelCall& call, std::size_t size) noexcept;
COEVAL_EXPORT void end_sort(ParallelCall& call, std::size_t size, std::int64_t begun) noexcept;

template <class Sort>
class ParallelSort {
 public:
  using Part = typename Sort::Part;

  ParallelSort(ParallelCall& call, const Sort& sort) noexcept : call_(call), sort_(sort) {}

  // What the comparison raises goes to the call.
  void sort_all(Part part) noexcept {
    try {
      if (part.size() < 2 || call_.stopped() || sort_.sort_if_trivial(part.first, part.last)) {
        return;
      }
    } catch (...) {
      call_.fail(std::current_exception());
      return;
    }
    sort(part);
  }

 private:
  void sort(const Part& part) noexcept {
    if (part.size() < 2 || call_.stopped()) {
      return;
    }
    try {
      const auto size = static_cast<std::size_t>(part.size());
      if (part.cuts == 0 || sorts_alone(call_, size)) {
        const std::int64_t begun = begin_sort(call_, size);
        sort_.sort(part);
        end_sort(call_, size, begun);
      } else {
        split(part, sort_.cut(part));
      }
    } catch (...) {
      call_.fail(std::current_exception());
    }
  }

  void split(const Part& part, const typename Sort::Cut& cut) noexcept {
    const auto sort_left = [&] { sort(part.left_of(cut)); };
    const auto sort_right = [&] { sort(part.right_of(cut)); };
    call_.both(WorkRef(sort_left), WorkRef(sort_right));
  }

  ParallelCall& call_;
  const Sort& sort_;
};

}  // namespace detail

// Sorts the elements in place, as std::ranges::sort does: by comp(proj(a), proj(b)), in ascending
// order unless said otherwise. Not stable; at most of the order of n log n comparisons.
//
//   coeval::parallel_sort(pool, numbers);
//   coeval::parallel_sort(pool, people, std::ranges::greater(), &Person::age);
//
// A part of the range that is sorted within some 20 µs is sorted by one thread, as with
// parallel_for. The first cut of the range into two parts is made by one thread.
// Errors: the first exception of a comparison ends it, and is raised. The range then has all of its
// elements still, in some order; so too after a stop. Elements are moved and swapped, not copied,
// unless they are small and trivially copyable; what that raises must not be.
// The range has random access. Both functions are shared by the threads and called as const objects.
// Threads, other errors, cancellation and thread safety are those of parallel_for.
template <class Derived, detail::LocallyCalled Tasks, class Range,
          class Compare = std::ranges::less, class Projection = std::identity>
void parallel_sort(ExecutorInterface<Derived, Tasks>& executor, const ParallelOptions& options,
                   Range&& range, Compare comp = {}, Projection proj = {}) {
  constexpr bool iterable = std::ranges::random_access_range<Range>;
  static_assert(iterable,
                "coeval::parallel_sort: the range must have random access, as a std::vector has");
  if constexpr (iterable) {
    using Iterator = std::ranges::iterator_t<Range>;
    constexpr bool sortable = std::sortable<Iterator, Compare, Projection> &&
                              std::sortable<Iterator, const Compare&, const Projection&>;
    static_assert(sortable,
                  "coeval::parallel_sort: the elements must be movable, and the comparison must "
                  "take two of them (or of what the projection makes of them); both functions are "
                  "called as const objects (a lambda cannot be mutable)");
    if constexpr (sortable) {
      using Sort = detail::Introsort<Iterator, Compare, Projection>;
      const Sort sort(comp, proj);
      const Iterator first = std::ranges::begin(range);
      const Iterator last = std::ranges::next(first, std::ranges::end(range));
      detail::ParallelCall call("coeval::parallel_sort", *static_cast<Derived&>(executor).backend(),
                                options, detail::cost_of<Sort>);
      detail::ParallelSort<Sort> parallel(call, sort);
      const auto sort_all = [&] { parallel.sort_all(Sort::whole(first, last)); };
      call.run(detail::WorkRef(sort_all));
    }
  }
}

template <class Derived, detail::LocallyCalled Tasks, class Range,
          class Compare = std::ranges::less, class Projection = std::identity>
  requires(!std::same_as<std::remove_cvref_t<Range>, ParallelOptions>)
void parallel_sort(ExecutorInterface<Derived, Tasks>& executor, Range&& range, Compare comp = {},
                   Projection proj = {}) {
  parallel_sort(executor, ParallelOptions(), std::forward<Range>(range), std::move(comp),
                std::move(proj));
}

}  // namespace coeval
