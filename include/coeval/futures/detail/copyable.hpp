// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <optional>
#include <tuple>
#include <utility>

namespace coeval::detail {

// Whether a T can be copied. The standard containers have a copy constructor whatever their elements
// are, and fail in it: they go by their elements.
template <class T>
inline constexpr bool is_copyable = std::copy_constructible<T>;
template <std::copy_constructible T>
  requires requires {
    typename T::allocator_type;
    typename T::value_type;
  }
inline constexpr bool is_copyable<T> = is_copyable<typename T::value_type>;
template <class T>
inline constexpr bool is_copyable<std::optional<T>> = is_copyable<T>;
template <class A, class B>
inline constexpr bool is_copyable<std::pair<A, B>> = is_copyable<A> && is_copyable<B>;
template <class... T>
inline constexpr bool is_copyable<std::tuple<T...>> = (is_copyable<T> && ...);

}  // namespace coeval::detail
