// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// MapRange: the results of executor.map, and list() to collect them.

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_results.hpp>
#include <coeval/futures/future.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval {

struct MapOptions {
  // How many inputs may be submitted ahead of the result that is being read; 0: twice the workers,
  // and where tiny elements go together, so many that their workers do not wait for the loop.
  std::size_t buffersize = 0;

  // Submit all inputs in the call of map, instead of as the results are read.
  bool eager = false;

  // How many elements go to a process together; 1: found from the time that they take, and one at a
  // time if buffersize is given. Each is still a task of its own: one that raises, or crashes, is the
  // only one that does, and those behind one that takes long go to another process. Threads ignore it:
  // how many go to one together is always found, and is a quarter of buffersize at the most.
  std::size_t chunksize = 1;

  // When reading a result raises TimeoutError. A duration counts from the moment at which it is
  // written here, so map({.timeout = 30s}, …) counts from the call.
  Deadline timeout = never;
};

// An input range of results in the order of the inputs; gone through once, by one thread.
//
// Lazy and bounded: the first buffersize inputs are submitted by map(), each further one when a
// result has been passed; of tiny elements, as many as go together when so many have been passed. An lvalue range is read through a reference as the loop goes on, so it
// must outlive the loop; an rvalue range is kept inside and its elements are moved from.
// Errors: what the function raised for an input is raised by reading its position (*it); ++it goes
// on with the next, while a range-for loop ends at the first. An exception of the input iterator,
// or of submit, takes the place of the last result.
// Blocking: *it waits for its result; on a worker of the same pool it helps, as Future::result does.
// Timeout: *it raises TimeoutError at the deadline and cancels the rest; the range has ended then.
// Dropping the range, by a break too, cancels what has not begun and asks what runs to stop, by its
// stop_token only.
// A function that returns void yields std::monostate.
template <class T>
class MapRange {
 public:
  class Iterator {
   public:
    using value_type = detail::Stored<T>;
    using reference = value_type&;
    using difference_type = std::ptrdiff_t;

    reference operator*() const { return range_->front(); }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return range_->results_.empty(); }

   private:
    friend class MapRange;
    explicit Iterator(MapRange& range) noexcept : range_(&range) {}
    MapRange* range_;
  };

  // Submits some of the next inputs, at the most so many, and puts what will be their results at the
  // end; false when there are no more inputs.
  using SubmitSome = Function<bool(detail::MapResults<T>&, std::size_t)>;

  // For the library's own parts. A batch of 1 is what the pace says, if it is not null.
  MapRange(const MapOptions& options, std::size_t ahead, std::size_t batch,
           const detail::MapPace* pace, SubmitSome submit_some)
      : submit_some_(std::move(submit_some)),
        ahead_(ahead),
        batch_(batch),
        finds_batch_(batch == 1),
        pace_(pace),
        timeout_(options.timeout) {
    keep_pace();
    refill();
  }
  MapRange(MapRange&& other) noexcept
      : submit_some_(std::exchange(other.submit_some_, nullptr)),
        results_(std::move(other.results_)),
        ahead_(other.ahead_),
        batch_(other.batch_),
        finds_batch_(other.finds_batch_),
        pace_(other.pace_),
        timeout_(other.timeout_) {}
  MapRange& operator=(MapRange&& other) noexcept {
    if (this != &other) {
      cancel();
      submit_some_ = std::exchange(other.submit_some_, nullptr);
      results_ = std::move(other.results_);
      ahead_ = other.ahead_;
      batch_ = other.batch_;
      finds_batch_ = other.finds_batch_;
      pace_ = other.pace_;
      timeout_ = other.timeout_;
    }
    return *this;
  }
  ~MapRange() { cancel(); }

  Iterator begin() noexcept { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  // Cancels what has not been read, as dropping the range does. Never blocks.
  void cancel() noexcept {
    submit_some_ = nullptr;
    results_.stop();
  }

 private:
  detail::Stored<T>& front() {
    detail::Stored<T>* const result = results_.front(timeout_);
    if (result == nullptr) {
      cancel();
      throw TimeoutError("coeval::map: the result was not there at the timeout");
    }
    return *result;
  }

  void advance() {
    if (!results_.empty()) {
      results_.pop_front();
      keep_pace();
      if (results_.empty() || results_.size() + batch_ <= ahead_) {
        refill();
      }
    }
  }

  void keep_pace() noexcept {
    if (pace_ != nullptr && submit_some_) {
      ahead_ = std::max(ahead_, pace_->ahead.load(std::memory_order_relaxed));
      if (finds_batch_) {
        batch_ = std::min(ahead_, pace_->batch.load(std::memory_order_relaxed));
      }
    }
  }

  void refill() {
    while (submit_some_ && results_.size() < ahead_) {
      try {
        if (!submit_some_(results_, ahead_ - results_.size())) {
          submit_some_ = nullptr;
        }
      } catch (...) {
        submit_some_ = nullptr;
        add_error(std::current_exception());
      }
    }
  }

  void add_error(std::exception_ptr error) {
    auto* const failed = new detail::ResultCell<T>;
    results_.push_back(Future<T>::from_cell(failed));
    failed->try_settle();
    failed->set_error(std::move(error));
    failed->finish();
  }

  SubmitSome submit_some_;
  detail::MapResults<T> results_;
  std::size_t ahead_;
  std::size_t batch_;  // so many are submitted together, or more
  bool finds_batch_;
  const detail::MapPace* pace_;  // belongs to who submits; null: those above stay
  Deadline timeout_;
};

// Everything a range yields, in a vector: list(pool.map(f, xs)), as list() in Python. The elements
// of a temporary range are moved. Raises what reading the range raises.
template <std::ranges::input_range R>
auto list(R&& range) {
  std::vector<std::ranges::range_value_t<R>> all;
  for (auto&& element : range) {
    if constexpr (std::is_lvalue_reference_v<R>) {
      all.push_back(element);
    } else {
      all.push_back(std::move(element));
    }
  }
  return all;
}

}  // namespace coeval
