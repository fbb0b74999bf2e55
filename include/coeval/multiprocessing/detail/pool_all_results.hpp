// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the results of a map come together: for who waits for them, and for an AsyncResult.

#include <coeval/core/deadline.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/futures/detail/result_cell.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/multiprocessing/async_result.hpp>

#include <cstddef>
#include <deque>
#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing::detail {

using coeval::detail::ResultCell;
using coeval::detail::Stored;

// The results of a map in the order of the inputs, taken as they are done.
template <class T>
class OrderedResults {
 public:
  OrderedResults() = default;
  OrderedResults(const OrderedResults&) = delete;
  OrderedResults& operator=(const OrderedResults&) = delete;
  ~OrderedResults() {
    for (const Future<T>& future : futures_) {
      future.get_cell()->stop(false);
    }
  }

  // Those that were not taken. New ones go to the end.
  std::deque<Future<T>>& futures() noexcept { return futures_; }

  // Those at the front that are done: their memory serves for what is submitted next.
  void take_done() {
    while (!futures_.empty() && futures_.front().done()) {
      take_first();
    }
  }

  // All, or the first error when all have ended.
  std::vector<Stored<T>> take_all() {
    while (!futures_.empty()) {
      take_first();
    }
    if (error_ != nullptr) {
      std::rethrow_exception(error_);
    }
    return std::move(results_);
  }

 private:
  void take_first() {
    const Future<T> future = std::move(futures_.front());
    futures_.pop_front();
    coeval::detail::Cell& cell = *future.get_cell();
    try {
      cell.require_value(never);
      results_.push_back(std::move(static_cast<ResultCell<T>&>(cell).value()));
    } catch (...) {
      error_ = error_ != nullptr ? error_ : std::current_exception();
    }
  }

  std::deque<Future<T>> futures_;
  std::vector<Stored<T>> results_;
  std::exception_ptr error_;
};

// The cell of map_async. It has the results of all futures when the last is done, and hangs in one
// of them until then: in the last that is not done, as those before it mostly are done by then.
template <class T>
class GatherCell final : public ResultCell<std::vector<Stored<T>>>,
                         public coeval::detail::Continuation {
 public:
  explicit GatherCell(std::vector<Future<T>> futures)
      : futures_(std::move(futures)), left_(futures_.size()) {}

  void start() noexcept {
    coeval::detail::CellRef(*this).release();  // kept until all are done
    go_on();
  }

  void run(coeval::detail::Cell& /*settled*/) noexcept override { go_on(); }

 private:
  void go_on() noexcept {
    while (left_ != 0) {
      --left_;
      if (futures_[left_].get_cell()->attach(*this)) {
        return;  // whoever has that done goes on, maybe now
      }
    }
    const auto own = coeval::detail::CellRef::adopt(this);
    if (this->try_settle()) {
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
  std::size_t left_;  // those behind are done; of the thread that goes on
};

template <class T>
AsyncResult<std::vector<Stored<T>>> gather(std::vector<Future<T>> futures) {
  auto* const cell = new GatherCell<T>(std::move(futures));
  AsyncResult<std::vector<Stored<T>>> result(Future<std::vector<Stored<T>>>::from_cell(cell));
  cell->start();
  return result;
}

}  // namespace coeval::multiprocessing::detail
