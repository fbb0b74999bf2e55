// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reading from memory that a hostile process may be writing at the same time. A compiler may read
// plain memory twice, once to check a value and once to use it, and so undo the check (a "double
// fetch"; g++ does it to a switch). What comes from here was read before anything looks at it.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace coeval::pickle::detail {

template <std::size_t Size>
struct WordOf {};
template <>
struct WordOf<1> {
  using Type = std::uint8_t;
};
template <>
struct WordOf<2> {
  using Type = std::uint16_t;
};
template <>
struct WordOf<4> {
  using Type = std::uint32_t;
};
template <>
struct WordOf<8> {
  using Type = std::uint64_t;
};

// The value whose bytes are there, at any alignment.
template <class T>
  requires std::is_trivially_copyable_v<T>
void read_once(T& value, const std::byte* source) noexcept {
  if constexpr (std::is_scalar_v<T> && requires { typename WordOf<sizeof(T)>::Type; }) {
    typename WordOf<sizeof(T)>::Type word;
    std::memcpy(&word, source, sizeof word);
    asm("" : "+r"(word));  // the compiler no longer knows where it came from
    std::memcpy(&value, &word, sizeof value);
  } else {
    std::memcpy(&value, source, sizeof value);
    asm("" : "+m"(value));
  }
}

}  // namespace coeval::pickle::detail
