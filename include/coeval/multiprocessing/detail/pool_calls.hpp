// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the calls of a Pool are made of those of its executor.

#include <coeval/executors/detail/process_tasks.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/multiprocessing/async_result.hpp>
#include <coeval/multiprocessing/detail/pool_all_results.hpp>
#include <coeval/multiprocessing/unordered_range.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing::detail {

// Submits f for up to most of the next inputs, so many together as chunksize says, and puts the
// futures at the end of futures. False when the inputs have ended. pace, if it is not null, is asked
// when chunksize is 1.
template <class F, class Inputs, class Futures>
bool submit_some(coeval::detail::ExecutorBackend& backend, const MapPace* pace,
                 std::size_t chunksize, const F& f, Inputs& inputs, std::size_t most,
                 Futures& futures) {
  using coeval::detail::ProcessTasks;
  if (chunksize == 1 && pace != nullptr) {
    chunksize = pace->batch.load(std::memory_order_relaxed);  // a hint
  }
  if (chunksize > 1) {
    return ProcessTasks::submit_chunk(backend, nullptr, f, inputs, std::min(most, chunksize),
                                      futures);
  }
  return coeval::detail::submit_some<ProcessTasks>(
      backend, nullptr, f, inputs, std::min(most, coeval::detail::most_at_once), futures);
}

// Submits all inputs before it waits for any, but takes what is done meanwhile.
template <class F, class... Ranges>
auto map(coeval::detail::ExecutorBackend& backend, std::size_t chunksize, const F& f,
         Ranges&&... ranges) {
  constexpr bool copyable = std::copy_constructible<F>;
  constexpr bool callable = coeval::detail::Submittable<F, std::ranges::range_value_t<Ranges>...>;
  static_assert(copyable,
                "coeval::multiprocessing::Pool::map: the function is copied into each task, so it "
                "must be copyable");
  static_assert(
      callable,
      "coeval::multiprocessing::Pool::map: the function cannot be called with one element "
      "of the range (starmap: with its members); it gets copies of them");
  if constexpr (copyable && callable) {
    OrderedResults<coeval::detail::TaskResult<F, std::ranges::range_value_t<Ranges>...>> results;
    coeval::detail::MapInputs<std::views::all_t<Ranges>...> inputs(
        std::views::all(std::forward<Ranges>(ranges))...);
    std::exception_ptr last_error;
    try {
      while (submit_some(backend, backend.map_pace(), chunksize, f, inputs,
                         std::numeric_limits<std::size_t>::max(), results.futures())) {
        results.take_done();
      }
    } catch (...) {
      last_error = std::current_exception();
    }
    auto all = results.take_all();
    if (last_error != nullptr) {
      std::rethrow_exception(last_error);
    }
    return all;
  }
}

template <class F, class... Ranges>
auto map_async(coeval::detail::ExecutorBackend& backend, std::size_t chunksize, const F& f,
               Ranges&&... ranges) {
  constexpr bool callable = coeval::detail::Submittable<F, std::ranges::range_value_t<Ranges>...>;
  static_assert(callable,
                "coeval::multiprocessing::Pool::map_async: the function cannot be called with one "
                "element of the range (starmap_async: with its members); it gets copies of them");
  if constexpr (callable) {
    std::vector<Future<coeval::detail::TaskResult<F, std::ranges::range_value_t<Ranges>...>>>
        futures;
    coeval::detail::MapInputs<std::views::all_t<Ranges>...> inputs(
        std::views::all(std::forward<Ranges>(ranges))...);
    try {
      while (submit_some(backend, backend.map_pace(), chunksize, f, inputs,
                         std::numeric_limits<std::size_t>::max(), futures)) {
      }
    } catch (...) {
      for (const auto& future : futures) {
        future.stop();
      }
      throw;
    }
    return gather(std::move(futures));
  }
}

template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; } && std::tuple_size<T>::value > 0;

// Calls call with a range of the first members of the elements, one of the second members, and so
// on. They are views of the range if that may be read several times, else of a copy.
template <class R, class Call>
auto with_columns(R&& range, Call call) {
  using Element = std::ranges::range_value_t<R>;
  static_assert(TupleLike<Element>,
                "coeval::multiprocessing::Pool::starmap: the elements of the range must be tuples, "
                "pairs or arrays");
  if constexpr (TupleLike<Element>) {
    const auto split = [&call]<std::size_t... I>(auto& elements, std::index_sequence<I...>) {
      return call(std::views::elements<I>(elements)...);
    };
    constexpr auto members = std::make_index_sequence<std::tuple_size_v<Element>>();
    if constexpr (std::ranges::forward_range<R> && std::is_lvalue_reference_v<R> &&
                  std::is_reference_v<std::ranges::range_reference_t<R>>) {
      return split(range, members);
    } else {
      auto elements = list(std::forward<R>(range));
      return split(elements, members);
    }
  }
}

template <class F, class R>
auto map_unordered(std::shared_ptr<coeval::detail::ExecutorBackend> backend, MapOptions options,
                   F f, R&& range) {
  using Element = std::ranges::range_value_t<R>;
  constexpr bool callable = coeval::detail::Submittable<F, Element>;
  static_assert(callable,
                "coeval::multiprocessing::Pool::imap_unordered: the function cannot be called with "
                "one element of the range; it gets copies of them");
  if constexpr (callable) {
    using Result = coeval::detail::TaskResult<F, Element>;
    using Inputs = coeval::detail::MapInputs<std::views::all_t<R>>;
    const Lead lead(options, backend->max_workers(), backend->map_pace());
    auto inputs = std::make_unique<Inputs>(std::views::all(std::forward<R>(range)));
    return UnorderedRange<Result>(std::make_unique<Unordered<Result>>(
        lead, options.timeout,
        [backend = std::move(backend), pace = lead.batch_pace(), chunksize = options.chunksize,
         f = std::move(f),
         inputs = std::move(inputs)](std::vector<Future<Result>>& futures, std::size_t most) {
          return submit_some(*backend, pace, chunksize, f, *inputs, most, futures);
        }));
  }
}

}  // namespace coeval::multiprocessing::detail
