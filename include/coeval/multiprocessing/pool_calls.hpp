// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the calls of a Pool are made of those of its executor.

#include <coeval/core/atomic.hpp>
#include <coeval/executors/detail/process_tasks.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/multiprocessing/pool_results.hpp>
#include <coeval/multiprocessing/pool_unordered.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <limits>
#include <memory>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing::detail {

// All results, or the first error when all have ended.
template <class T>
std::vector<Stored<T>> read_all(MapRange<T>& range) {
  std::vector<Stored<T>> results;
  std::exception_ptr error;
  for (auto result = range.begin(); result != range.end(); ++result) {
    try {
      results.push_back(std::move(*result));
    } catch (...) {
      error = error != nullptr ? error : std::current_exception();
    }
  }
  if (error != nullptr) {
    std::rethrow_exception(error);
  }
  return results;
}

// The cell of map_async. It has the results of all futures when the last is done.
template <class T>
class GatherCell final : public ResultCell<std::vector<Stored<T>>> {
 public:
  explicit GatherCell(std::vector<Future<T>> futures)
      : futures_(std::move(futures)), left_(futures_.size() + 1) {}

  void start() {
    for (const Future<T>& future : futures_) {
      future.add_done_callback(
          [all = coeval::detail::CellRef(*this)](const Future<T>&) { own(all).arrived(); });
    }
    arrived();
  }

 private:
  static GatherCell& own(const coeval::detail::CellRef& cell) noexcept {
    return static_cast<GatherCell&>(*cell);
  }

  void arrived() noexcept {
    // Acquire and release: the last one sees what every task did.
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1 && this->try_settle()) {
      this->capture([this] { return take_all(); });
      futures_ = {};
      this->finish();
    }
  }

  std::vector<Stored<T>> take_all() {
    std::vector<Stored<T>> results;
    results.reserve(futures_.size());
    for (Future<T>& future : futures_) {
      if constexpr (std::is_void_v<T>) {
        future.result();
        results.emplace_back();
      } else {
        results.push_back(future.take());
      }
    }
    return results;
  }

  std::vector<Future<T>> futures_;
  atomic<std::size_t> left_;
};

template <class T>
AsyncResult<std::vector<Stored<T>>> gather(std::vector<Future<T>> futures) {
  auto* const cell = new GatherCell<T>(std::move(futures));
  AsyncResult<std::vector<Stored<T>>> result(Future<std::vector<Stored<T>>>::from_cell(cell));
  cell->start();
  return result;
}

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
