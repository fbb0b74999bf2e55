// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// as_completed: futures in the order in which they complete.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/wait_set.hpp>
#include <coeval/futures/wait.hpp>

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <ranges>
#include <utility>
#include <vector>

namespace coeval {

namespace detail {

// The position of the next one; raises TimeoutError with Python's text.
COEVAL_EXPORT std::size_t next_completed(WaitSet& set, Deadline deadline, std::size_t total);

}  // namespace detail

// The range that as_completed() returns: an input range of futures, to be gone through once by one
// thread. It keeps each future until it has yielded it, and no longer.
template <class F>
class AsCompleted {
 public:
  class Iterator {
   public:
    using value_type = F;
    using difference_type = std::ptrdiff_t;

    F operator*() const { return range_->current_; }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !range_->current_.valid(); }

   private:
    friend class AsCompleted;
    explicit Iterator(AsCompleted& range) noexcept : range_(&range) {}
    AsCompleted* range_;
  };

  AsCompleted(std::vector<F> futures, Deadline deadline)
      : futures_(std::move(futures)), set_(detail::cells_of(futures_)), deadline_(deadline) {}
  AsCompleted(AsCompleted&&) noexcept = default;
  // The set first: it watches the cells that the futures keep.
  AsCompleted& operator=(AsCompleted&& other) noexcept {
    set_ = std::move(other.set_);
    futures_ = std::move(other.futures_);
    deadline_ = other.deadline_;
    current_ = std::move(other.current_);
    begun_ = other.begun_;
    return *this;
  }

  // Waits for the first future; TimeoutError at the deadline, as ++ does.
  Iterator begin() {
    if (!begun_) {
      begun_ = true;
      advance();
    }
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void advance() {
    current_ = F();
    if (set_.left() > 0) {
      current_ =
          std::exchange(futures_[detail::next_completed(set_, deadline_, futures_.size())], F());
    }
  }

  std::vector<F> futures_;
  detail::WaitSet set_;
  Deadline deadline_;
  F current_;
  bool begun_ = false;
};

// Yields each future once when it is done or cancelled: first those that are done already. The
// deadline is for the whole loop; a duration counts from this call and holds for the whole loop.
//
//   for (coeval::Future<Page> f : coeval::as_completed(futures, 30s)) use(f.result());
//
// Raises InvalidStateError if a future is empty; the loop raises TimeoutError at the deadline.
template <detail::FutureRange R>
auto as_completed(R&& futures, Deadline deadline = never) {
  using F = std::ranges::range_value_t<R>;
  return AsCompleted<F>(detail::distinct_futures(std::forward<R>(futures)), deadline);
}

template <detail::FutureHandle F>
auto as_completed(std::initializer_list<F> futures, Deadline deadline = never) {
  return as_completed(std::vector<F>(futures), deadline);
}

}  // namespace coeval
