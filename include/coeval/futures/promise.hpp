// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/futures/future.hpp>

#include <concepts>
#include <exception>
#include <utility>

namespace coeval {

namespace detail {

[[noreturn]] COEVAL_EXPORT void throw_already_done(const Cell& cell, const char* call);
// Python's rule for executors: true, false when cancelled, RuntimeError and a log line otherwise.
COEVAL_EXPORT bool set_running_or_notify_cancel(Cell& cell);
// Settles with BrokenPromise if nothing else did.
COEVAL_EXPORT void break_promise(Cell& cell) noexcept;

}  // namespace detail

// Promise<T>: the writing side of a Future, for results that do not come from an executor.
//
//   coeval::Promise<int> promise;
//   coeval::Future<int> future = promise.future();
//   start_request([promise = std::move(promise)](int n) mutable { promise.set_result(n); });
//
// A resource: it moves and is not copied. Dropping it before a result was set raises BrokenPromise
// from the future, so that nobody waits for ever. Nothing here blocks.
// Thread safety: one thread at a time per object; the future is independent of it.
template <class T>
class Promise {
 public:
  Promise() : future_(Future<T>::from_cell(new detail::ResultCell<T>)) {}
  Promise(Promise&& other) noexcept : future_(std::exchange(other.future_, Future<T>())) {}
  Promise& operator=(Promise&& other) noexcept {
    Promise moved(std::move(other));
    std::swap(future_, moved.future_);
    return *this;
  }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  ~Promise() {
    if (future_.valid()) {
      detail::break_promise(cell());
    }
  }

  // The future, as often as one likes.
  Future<T> future() const { return future_; }

  // True: the work may begin, and cancel() has no effect any more. False: the future was cancelled.
  // RuntimeError in any other state. Calling it is optional.
  bool set_running_or_notify_cancel() {
    return detail::set_running_or_notify_cancel(checked("set_running_or_notify_cancel"));
  }

  // Completes the future. InvalidStateError if it is done or cancelled already.
  template <class... Args>
    requires std::constructible_from<detail::Stored<T>, Args...>
  void set_result(Args&&... args) {
    auto& target = checked("set_result");
    if (!try_set_result(std::forward<Args>(args)...)) {
      detail::throw_already_done(target, "set_result");
    }
  }

  // The same, but false instead of the error. If making the value raises, that is the result.
  template <class... Args>
    requires std::constructible_from<detail::Stored<T>, Args...>
  bool try_set_result(Args&&... args) {
    auto& target = checked("try_set_result");
    if (!target.try_settle()) {
      return false;
    }
    try {
      target.emplace(std::forward<Args>(args)...);
    } catch (...) {
      target.set_error(std::current_exception());
    }
    target.finish();
    return true;
  }

  // Completes the future with an exception, which must not be null (ValueError). InvalidStateError
  // as above.
  void set_exception(std::exception_ptr error) {
    auto& target = checked("set_exception");
    if (!try_set_exception(std::move(error))) {
      detail::throw_already_done(target, "set_exception");
    }
  }

  // The same, but false instead of InvalidStateError.
  bool try_set_exception(std::exception_ptr error) {
    auto& target = checked("try_set_exception");
    if (error == nullptr) {
      throw ValueError("coeval::Promise::set_exception: the exception is null");
    }
    if (!target.try_settle()) {
      return false;
    }
    target.set_error(std::move(error));
    target.finish();
    return true;
  }

  // The same for an exception object: set_exception(std::runtime_error("no route")).
  template <class E>
    requires std::derived_from<E, std::exception>
  void set_exception(E error) {
    set_exception(std::make_exception_ptr(std::move(error)));
  }

 private:
  detail::ResultCell<T>& cell() const noexcept {
    return *static_cast<detail::ResultCell<T>*>(future_.get_cell());
  }
  detail::ResultCell<T>& checked(const char* call) const {
    if (!future_.valid()) {
      detail::throw_empty_future(call);
    }
    return cell();
  }

  Future<T> future_;
};

}  // namespace coeval
