// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// UnorderedRange: the results of Pool::imap_unordered.

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {

namespace detail {

using coeval::detail::MapPace;
using coeval::detail::ResultCell;
using coeval::detail::Stored;

// Numbers of results that have come and were not taken, oldest first. Thread-safe.
class COEVAL_EXPORT Arrivals {
 public:
  // Makes room for the number, each of which comes at most once before it is taken.
  void expect(std::size_t number);
  void put(std::size_t number) noexcept;
  // The oldest; blocks until there is one, or until the deadline: nothing.
  std::optional<std::size_t> take(Deadline deadline);

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  threading::Lock lock_;
  threading::Condition come_{lock_};
  std::vector<std::size_t> after_ COEVAL_GUARDED_BY(lock_);  // by number: the one that came next
  std::size_t oldest_ COEVAL_GUARDED_BY(lock_) = none;
  std::size_t newest_ COEVAL_GUARDED_BY(lock_) = none;
};

// What an UnorderedRange has: the tasks that were submitted and not read.
template <class T>
class Unordered {
 public:
  // As MapRange's.
  using SubmitSome = Function<bool(std::deque<Future<T>>&, std::size_t)>;

  // pace may be null: it stays so far ahead.
  Unordered(std::size_t ahead, const MapPace* pace, Deadline timeout, SubmitSome submit_some)
      : submit_some_(std::move(submit_some)), ahead_(ahead), pace_(pace), timeout_(timeout) {
    refill();
  }
  Unordered(const Unordered&) = delete;
  Unordered& operator=(const Unordered&) = delete;
  ~Unordered() { cancel(); }

  bool at_end() const noexcept {
    return outstanding_ == 0 && !current_.valid() && !input_error_.valid();
  }

  // These wait for the one that is to be read; not at the end.
  Stored<T>& front() {
    receive(never);
    current_.get_cell()->require_value(never);
    return static_cast<ResultCell<T>&>(*current_.get_cell()).value();
  }

  void advance() {
    receive(never);
    current_ = Future<T>();
    refill();
  }

  std::optional<Stored<T>> next(Deadline deadline) {
    receive(deadline);
    Future<T> done = std::exchange(current_, Future<T>());
    refill();
    if constexpr (std::is_void_v<T>) {
      done.result();
      return Stored<T>();
    } else {
      return done.take();
    }
  }

  void cancel() noexcept {
    submit_some_ = nullptr;
    for (const Future<T>& future : slots_) {
      if (future.valid()) {
        future.get_cell()->stop(false);
      }
    }
    slots_.clear();
    outstanding_ = 0;
    current_ = input_error_ = Future<T>();
  }

 private:
  void receive(Deadline deadline) {
    if (current_.valid()) {
      return;
    }
    if (outstanding_ == 0) {
      current_ = std::exchange(input_error_, Future<T>());
      return;
    }
    const std::optional<std::size_t> slot = arrivals_->take(std::min(deadline, timeout_));
    if (!slot && timeout_.expired()) {
      cancel();
    }
    if (!slot) {
      throw TimeoutError("coeval::multiprocessing::Pool::imap_unordered: no result came in time");
    }
    current_ = std::exchange(slots_[*slot], Future<T>());
    free_slots_.push_back(*slot);
    --outstanding_;
  }

  // A few at a time cost less than each by itself.
  void refill() {
    if (submit_some_ && pace_ != nullptr) {
      ahead_ = std::max(ahead_, pace_->ahead.load(std::memory_order_relaxed));  // a hint
    }
    if (!submit_some_ || ahead_ - outstanding_ < std::max<std::size_t>(ahead_ / 4, 1)) {
      return;
    }
    std::deque<Future<T>> fresh;
    try {
      bool more = true;
      while (more && fresh.size() < ahead_ - outstanding_) {
        more = submit_some_(fresh, ahead_ - outstanding_ - fresh.size());
      }
      if (!more) {
        submit_some_ = nullptr;
      }
    } catch (...) {
      submit_some_ = nullptr;
      Promise<T> failed;
      failed.set_exception(std::current_exception());
      input_error_ = failed.future();
    }
    for (Future<T>& future : fresh) {
      watch(std::move(future));
    }
  }

  void watch(Future<T> future) {
    if (free_slots_.empty()) {
      free_slots_.reserve(slots_.size() + 1);
      slots_.emplace_back();
      free_slots_.push_back(slots_.size() - 1);
    }
    const std::size_t slot = free_slots_.back();
    arrivals_->expect(slot);
    future.add_done_callback(
        [arrivals = arrivals_, slot](const Future<T>&) { arrivals->put(slot); });
    free_slots_.pop_back();
    slots_[slot] = std::move(future);
    ++outstanding_;
  }

  SubmitSome submit_some_;  // null: there are no more inputs
  std::size_t ahead_;
  const MapPace* pace_;  // belongs to who submits
  Deadline timeout_;
  std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
  std::vector<Future<T>> slots_;
  std::vector<std::size_t> free_slots_;
  std::size_t outstanding_ = 0;  // submitted and not received
  Future<T> current_;
  Future<T> input_error_;
};

}  // namespace detail

// An input range of results in the order in which they come; gone through once, by one thread.
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
