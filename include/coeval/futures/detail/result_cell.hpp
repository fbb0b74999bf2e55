// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ResultCell<T>: a cell with room for a T. It is the cell of a Promise as it stands, and the base
// of the cell of a task.

#include <coeval/futures/detail/cell.hpp>

#include <cxxabi.h>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace coeval::detail {

// What a Future<T> stores: void becomes an empty value.
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// The error of a task that called pthread_exit or was the target of pthread_cancel.
COEVAL_EXPORT std::exception_ptr thread_ended_error(const Cell& task);

template <class T>
class ResultCell : public Cell {
 public:
  using value_type = T;

  // Puts a value in. Only by the owner of the result (Cell, invariant 2).
  template <class... Args>
  void emplace(Args&&... args) {
    value_.emplace(std::forward<Args>(args)...);
  }

  // Calls f and keeps what it returns: true; or what it raises: false. Raises only forced
  // unwinding.
  template <class F>
  bool capture(F&& f) {
    try {
      if constexpr (std::is_void_v<T>) {
        static_cast<void>(std::forward<F>(f)());
        value_.emplace();
      } else {
        value_.emplace(std::forward<F>(f)());
      }
      return true;
    } catch (abi::__forced_unwind&) {
      set_error(thread_ended_error(*this));
      throw;
    } catch (...) {
      set_error(std::current_exception());
      return false;
    }
  }

  // Only when the state is finished and there is no error.
  Stored<T>& value() noexcept { return *value_; }

  ~ResultCell() override = default;

 private:
  std::optional<Stored<T>> value_;
};

}  // namespace coeval::detail
