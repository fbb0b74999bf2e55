// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A call to make later on another thread: the callable and its arguments, copied now.

#include <coeval/core/function.hpp>

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace coeval::threading::detail {

// As std::thread: copies are made by the caller, the call moves them; a std::reference_wrapper
// passes the object itself.
template <class F, class... Args>
inline constexpr bool callable_later = std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>;

template <class F, class... Args>
Function<void()> call_later(F&& f, Args&&... args) {
  return [f = std::decay_t<F>(std::forward<F>(f)),
          args = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
    std::apply(
        [&f](auto&... each) { static_cast<void>(std::invoke(std::move(f), std::move(each)...)); },
        args);
  };
}

}  // namespace coeval::threading::detail
