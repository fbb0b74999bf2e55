// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// when_all: one future of several results, as asyncio's gather.

#include <coeval/core/atomic.hpp>
#include <coeval/futures/detail/when_all_cell.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/wait.hpp>

#include <initializer_list>
#include <iterator>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval {

// A future of all results in the order given, as a tuple; void counts as std::monostate.
//
//   coeval::Future<std::tuple<int, std::string>> both = coeval::when_all(number, text);
//
// The first exception or cancellation completes it at once, and the others go on. Cancelling it
// cancels those of its sources that have not begun. The results are copied, or taken if they cannot
// be copied. Never blocks. Raises InvalidStateError if a future is empty.
template <class... T>
auto when_all(const Future<T>&... futures) -> Future<std::tuple<detail::Stored<T>...>> {
  return detail::gather_tuple(futures...);
}

// The same for a range of futures of one type: a future of the vector of results.
template <std::ranges::input_range R>
  requires detail::is_future<std::ranges::range_value_t<R>>
auto when_all(R&& range) {
  std::vector<std::ranges::range_value_t<R>> futures;
  std::ranges::copy(range, std::back_inserter(futures));
  return detail::gather_vector(std::move(futures));
}

template <class T>
auto when_all(std::initializer_list<Future<T>> futures) {
  return detail::gather_vector(std::vector<Future<T>>(futures));
}

}  // namespace coeval
