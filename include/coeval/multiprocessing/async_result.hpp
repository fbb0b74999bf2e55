// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// AsyncResult: what the asynchronous calls of a Pool return.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/copyable.hpp>
#include <coeval/futures/future.hpp>

#include <exception>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {

namespace detail {

// Errors: ValueError.
[[noreturn]] COEVAL_EXPORT void throw_not_ready();

template <class F, class T>
struct TakesResult : std::is_invocable<F, const T&> {};
template <class F>
struct TakesResult<F, void> : std::is_invocable<F> {};

}  // namespace detail

// The result of apply_async, map_async or starmap_async; Python's multiprocessing.pool.AsyncResult.
//
//   AsyncResult<int> sum = pool.apply_async(add, 40, 2);
//   sum.get(2s);  // 42; what add raised; TimeoutError after two seconds, and add goes on
//   pool.map_async(decode, files)
//       .add_callback([](const std::vector<Picture>& pictures) { show(pictures); })
//       .add_error_callback([](std::exception_ptr error) { report(error); });
//
// A handle: copies share the result. Dropping it does not end the work.
// Thread safety: any member of any copy may be called from any thread.
// Blocking: get and wait, until the deadline.
template <class T>
class AsyncResult {
 public:
  using value_type = T;

  // A handle of no result: InvalidStateError from everything.
  AsyncResult() noexcept = default;

  // Waits for the result: a reference that is valid as long as a handle shares it; of a temporary a
  // value, taken out if it cannot be copied. Errors: what the function raised (of a map: the first
  // in the order of the inputs, when all have ended); WorkerDied; TimeoutError; CancelledError, if
  // the pool was terminated.
  std::add_lvalue_reference_t<const T> get(Deadline deadline = never) const& {
    return future_.result(deadline);
  }
  T get(Deadline deadline = never) && {
    if constexpr (std::is_void_v<T> || coeval::detail::is_copyable<T>) {
      return std::move(future_).result(deadline);
    } else {
      return future_.take(deadline);
    }
  }

  // Waits until the result or an error is there: whether it is.
  bool wait(Deadline deadline = never) const { return future_.wait(deadline); }
  bool ready() const { return future_.done(); }

  // Whether there is a result, and no error. Errors: ValueError if neither is there yet.
  bool successful() const {
    if (!ready()) {
      detail::throw_not_ready();
    }
    return has_value(future_);
  }

  // Python's callback and error_callback: calls f(result), of a void function f(), if it becomes
  // ready with a result; f(std::exception_ptr) if with an error. In the thread that completes it,
  // once, in the order in which they were added, or in this call if it is ready; a get() that waits
  // may return before. They should be short, and wait for nothing of the pool. An exception that f
  // raises is logged and goes no further. Returns this result.
  template <class F>
  AsyncResult add_callback(F&& f) const {
    constexpr bool callable = detail::TakesResult<std::decay_t<F>&, T>::value;
    static_assert(callable,
                  "coeval::multiprocessing::AsyncResult::add_callback: the function cannot be "
                  "called with the result as a const reference (of void: without arguments)");
    if constexpr (callable) {
      // Keeps the result, so that a get() of a temporary leaves it there.
      future_.add_done_callback(
          [kept = future_, f = std::decay_t<F>(std::forward<F>(f))](const Future<T>&) mutable {
            if (!has_value(kept)) {
              return;
            }
            if constexpr (std::is_void_v<T>) {
              std::invoke(f);
            } else {
              std::invoke(f, kept.result());
            }
          });
    }
    return *this;
  }

  template <class F>
  AsyncResult add_error_callback(F&& f) const {
    constexpr bool callable = std::is_invocable_v<std::decay_t<F>&, std::exception_ptr>;
    static_assert(
        callable,
        "coeval::multiprocessing::AsyncResult::add_error_callback: the function cannot be "
        "called with a std::exception_ptr");
    if constexpr (callable) {
      future_.add_done_callback(
          [f = std::decay_t<F>(std::forward<F>(f))](const Future<T>& done) mutable {
            if (!has_value(done)) {
              std::invoke(f, error_of(done));
            }
          });
    }
    return *this;
  }

  // Whether both are handles of one result.
  friend bool operator==(const AsyncResult& a, const AsyncResult& b) noexcept = default;

  // For the library's own parts.
  explicit AsyncResult(Future<T> future) noexcept : future_(std::move(future)) {}

 private:
  static bool has_value(const Future<T>& done) {
    return !done.cancelled() && done.exception() == nullptr;
  }
  static std::exception_ptr error_of(const Future<T>& done) {
    try {
      static_cast<void>(done.result());
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  Future<T> future_;
};

}  // namespace coeval::multiprocessing
