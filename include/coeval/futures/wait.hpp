// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// wait: for several futures at once.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/any_future.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval {

// When wait() returns.
enum class ReturnWhen {
  first_completed,  // one future is done or cancelled
  first_exception,  // one raised (a cancelled one does not count), or all are done
  all_completed,
};

// What wait() found, each in the order given, duplicates once.
template <class F>
struct WaitResult {
  std::vector<F> done;
  std::vector<F> not_done;
};

namespace detail {

template <class F>
concept FutureHandle = std::derived_from<std::remove_cvref_t<F>, Handle>;

template <class R>
concept FutureRange = std::ranges::input_range<R> && FutureHandle<std::ranges::range_value_t<R>>;

// Blocks as wait() does. Raises InvalidStateError for an empty future, ValueError for a when that
// is none of the three.
COEVAL_EXPORT void wait_for_cells(std::span<Cell* const> cells, Deadline deadline, ReturnWhen when);

// The futures of a range, each once.
COEVAL_EXPORT std::vector<bool> first_occurrences(std::span<Cell* const> cells);

template <class F>
std::vector<Cell*> cells_of(const std::vector<F>& futures) {
  std::vector<Cell*> cells;
  cells.reserve(futures.size());
  for (const F& future : futures) {
    cells.push_back(future.get_cell());
  }
  return cells;
}

template <FutureRange R>
auto distinct_futures(R&& range) {
  using F = std::ranges::range_value_t<R>;
  std::vector<F> all;
  for (auto&& future : range) {
    all.push_back(std::forward<decltype(future)>(future));
  }
  const std::vector<bool> first = first_occurrences(cells_of(all));
  std::vector<F> distinct;
  distinct.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (first[i]) {
      distinct.push_back(std::move(all[i]));
    }
  }
  return distinct;
}

}  // namespace detail

// Waits for futures, of one executor or of several, until the deadline or what when says. Nothing
// is raised at the deadline, nor for what a task raised: look at done and not_done.
//
//   auto [done, not_done] = coeval::wait(futures, 2s, coeval::ReturnWhen::first_completed);
//
// Raises InvalidStateError if a future is empty. On a worker it helps as Future::result does.
template <detail::FutureRange R>
auto wait(R&& futures, Deadline deadline = never, ReturnWhen when = ReturnWhen::all_completed) {
  auto distinct = detail::distinct_futures(std::forward<R>(futures));
  detail::wait_for_cells(detail::cells_of(distinct), deadline, when);
  WaitResult<std::ranges::range_value_t<R>> result;
  for (auto& future : distinct) {
    (future.done() ? result.done : result.not_done).push_back(std::move(future));
  }
  return result;
}

template <detail::FutureRange R>
auto wait(R&& futures, ReturnWhen when) {
  return wait(std::forward<R>(futures), never, when);
}

// The same for a list: wait({a, b}, 2s), or wait({AnyFuture(a), AnyFuture(b)}) for several types.
template <detail::FutureHandle F>
auto wait(std::initializer_list<F> futures, Deadline deadline = never,
          ReturnWhen when = ReturnWhen::all_completed) {
  return wait(std::vector<F>(futures), deadline, when);
}

template <detail::FutureHandle F>
auto wait(std::initializer_list<F> futures, ReturnWhen when) {
  return wait(std::vector<F>(futures), never, when);
}

}  // namespace coeval
