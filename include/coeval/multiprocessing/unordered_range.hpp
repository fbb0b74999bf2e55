// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// UnorderedRange: the results of Pool::imap_unordered.

#include <coeval/core/deadline.hpp>
#include <coeval/multiprocessing/detail/pool_awaited.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

namespace coeval::multiprocessing {

// An input range of results in the order in which they come; gone through once, by one thread. The
// results of a pool with one process come in the order of the inputs.
//
// Lazy and bounded: buffersize inputs (0: two chunks for each process, more if they are tiny) are
// submitted by imap_unordered(), and further ones as results are passed, up to so many that were not
// passed. An lvalue range is read through a reference as the loop goes on, so it must outlive the loop; an
// rvalue range is kept inside and its elements are moved from.
// Errors: what the function raised for an input is raised in the place of its result, by *it or
// next(), which may go on. An exception of the input iterator, or of submit, comes last.
// Blocking: *it, ++it if *it was not read, and next() wait until there is one. They raise
// TimeoutError when the timeout of the options is over, and cancel the rest: the range has ended.
// Dropping the range cancels what has not begun and asks what runs to stop, by its stop_token only.
// A function that returns void yields std::monostate.
template <class T>
class UnorderedRange {
 public:
  class Iterator {
   public:
    using value_type = detail::Stored<T>;
    using reference = value_type&;
    using difference_type = std::ptrdiff_t;

    reference operator*() const { return range_->results_->front(); }
    Iterator& operator++() {
      range_->results_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return range_->at_end(); }

   private:
    friend class UnorderedRange;
    explicit Iterator(UnorderedRange& range) noexcept : range_(&range) {}
    UnorderedRange* range_;
  };

  Iterator begin() noexcept { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  // The next result, as a value; nothing at the end. Raises TimeoutError if there is none at the
  // deadline; the range may be read on then.
  std::optional<detail::Stored<T>> next(Deadline deadline = never) {
    return at_end() ? std::nullopt : results_->next(deadline);
  }

  // Cancels what was not read, as dropping the range does. Never blocks.
  void cancel() noexcept { results_.reset(); }

  // For the library's own parts.
  explicit UnorderedRange(std::unique_ptr<detail::Unordered<T>> results) noexcept
      : results_(std::move(results)) {}

 private:
  bool at_end() const noexcept { return results_ == nullptr || results_->at_end(); }

  std::unique_ptr<detail::Unordered<T>> results_;
};

}  // namespace coeval::multiprocessing
