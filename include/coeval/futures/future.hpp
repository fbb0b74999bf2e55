// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Future<T>: the result of a task that may not have run yet.

#include <coeval/core/log.hpp>
#include <coeval/futures/detail/copyable.hpp>
#include <coeval/futures/detail/handle.hpp>
#include <coeval/futures/detail/result_cell.hpp>

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

namespace coeval {

template <class T>
class Future;

namespace detail {

template <class T>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<Future<T>> = true;

// What then(f) returns a future of, for a source Future<T>.
template <class F, class T>
struct ThenCall : std::invoke_result<F, const T&> {};
template <class F>
struct ThenCall<F, void> : std::invoke_result<F> {};
template <class F, class T>
using ThenResult = std::decay_t<typename ThenCall<F, T>::type>;

template <class F, class T>
concept Chainable = requires { typename ThenCall<F, T>::type; };

}  // namespace detail

// A handle of one pointer. Copies share the result, as references to a Python Future do.
//
//   coeval::Future<int> answer = pool.submit(add, 40, 2);
//   answer.add_done_callback([](coeval::Future<int> f) { … });
//   answer.result();             // 42; raises what add raised
//   pool.submit(add, 1, 2).result(500ms);  // TimeoutError after half a second; the task goes on
//
// T is void or any movable type; a function that returns a reference gives a future of a copy.
// Thread safety: any member of any copy may be called from any thread at any time; one object must
// not be assigned to while another thread uses it, as with std::shared_ptr.
// Blocking: result, take, exception and wait block until the deadline. On a worker of the pool that
// holds the task they first run the task themselves if it has not begun, so that a nested
// submit + result cannot deadlock; with a deadline they only wait.
// Cancellation: cancel() before the start, stop() for a running task that takes a std::stop_token.
// Memory order: what the task did happens before a wait for it returns.
template <class T>
class Future : public detail::Handle {
  static_assert(std::is_void_v<T> || (std::is_object_v<T> && !std::is_const_v<T>),
                "coeval::Future: T must be void or a plain object type");

 public:
  using value_type = T;

  // Refers to nothing until another future is assigned.
  Future() noexcept = default;

  // Waits for the result and returns a reference to it, valid as long as a future shares it.
  // Raises what the task raised; CancelledError; TimeoutError at the deadline, and the task goes
  // on; InvalidStateError if the result was taken.
  std::add_lvalue_reference_t<const T> result(Deadline deadline = never) const& {
    cell("result").require_value(deadline);
    if constexpr (!std::is_void_v<T>) {
      return value();
    }
  }

  // On a temporary the result is a value: moved out when no other future shares it, else copied
  // (taken, if it cannot be copied).
  T result(Deadline deadline = never) && {
    cell("result").require_value(deadline);
    if constexpr (!std::is_void_v<T>) {
      if constexpr (detail::is_copyable<T>) {
        if (!get_cell()->single_handle()) {
          return value();
        }
      }
      return move_out();
    }
  }

  // Moves the result out, for types that are not copied. A later result or take on any copy raises
  // InvalidStateError. Raises as result does.
  T take(Deadline deadline = never) {
    cell("take").require_value(deadline);
    if constexpr (!std::is_void_v<T>) {
      return move_out();
    }
  }

  // Calls f(future) once when the future is done: in the thread that completes or cancels it, in
  // the order in which callbacks were added, or in this call if it is done. An exception that f
  // raises is logged and goes no further.
  template <class F>
  void add_done_callback(F&& f) const;

  // A future of f(result), called where this one completes; f takes const T&, or nothing for void.
  // An exception or a cancellation of this future passes on to the new one without a call of f.
  // Cancelling the new one leaves this one alone.
  template <class F>
  auto then(F&& f) const;

  // The same, but f runs as a task of the executor, or of a view of it: then(pool.with({…}), f). Who
  // completes this future submits it, and so waits for room if the executor's queue is full and its
  // when_full is block.
  template <class E, class F>
  auto then(E&& executor, F&& f) const;

  // For the library's own parts: the handle of a cell, taking over a handle reference.
  static Future from_cell(detail::ResultCell<T>* cell) noexcept { return Future(cell); }

 private:
  explicit Future(detail::Cell* cell) noexcept : Handle(cell) {}

  auto& value() const noexcept { return static_cast<detail::ResultCell<T>*>(get_cell())->value(); }

  T move_out() const {
    if (!get_cell()->try_take()) {
      get_cell()->require_value(never);  // raises InvalidStateError
    }
    return std::move(value());
  }
};

}  // namespace coeval

template <class T>
struct std::hash<coeval::Future<T>> : coeval::detail::HandleHash {};

#include <coeval/futures/detail/continuations.hpp>
