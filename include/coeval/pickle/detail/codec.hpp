// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Codec<T>: how a type is written and read. Specialised in codec_basic.hpp for numbers,
// enumerations, aggregates and types of the program, in types/ for those of the standard library.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace coeval::pickle {

class OutputArchive;
class InputArchive;

namespace detail {

// A codec has:
//   using Type = T;                                        there is one
//   static constexpr std::size_t least_size;               bytes that any value takes, at least 1
//   template <int Depth> static constexpr std::uint32_t shape();   equal for what reads alike
//   static void write(OutputArchive&, const T&);
//   static T read(InputArchive&);
//   static void read_into(InputArchive&, T&);
template <class T>
struct Codec;

template <class T>
concept HasCodec = requires { typename Codec<T>::Type; };

// Views have none: there would be nothing to view.
template <class T>
concept HasReader =
    requires(InputArchive& archive, T& value) { Codec<T>::read_into(archive, value); };

template <class T>
concept SharedPointer = requires {
  typename T::element_type;
  typename T::weak_type;
};

// Says in English why a type has no codec.
template <class T>
constexpr void require_picklable() {
  static_assert(!std::is_pointer_v<T> && !std::is_reference_v<T>,
                "coeval::pickle: a pointer cannot cross to another process, nor a reference; pass "
                "the value, a std::unique_ptr, or memory that both share");
  static_assert(!SharedPointer<T> || HasCodec<T>,
                "coeval::pickle: a std::shared_ptr cannot share with another process; pass the "
                "value, a std::unique_ptr, or memory that both share");
  static_assert(std::is_pointer_v<T> || std::is_reference_v<T> || SharedPointer<T> || HasCodec<T>,
                "coeval::pickle: this type cannot be pickled; give it a serialize(archive) member, "
                "or make it an aggregate of types that can; functions and lambdas cross as the "
                "target of a Process only");
}
template <class T>
constexpr void require_readable() {
  require_picklable<T>();
  static_assert(!HasCodec<T> || HasReader<T>,
                "coeval::pickle: a view would refer to bytes that are gone; read a std::vector for "
                "a std::span, and a std::string for a std::string_view");
}

// Of a codec that has only read().
template <class T>
struct ReadsByValue {
  using Type = T;
  template <class A>
  static void read_into(A& archive, T& value) {
    value = Codec<T>::read(archive);
  }
};

// Shapes are hashes (FNV-1a) of a type's structure, down to a depth: a type may contain itself.
inline constexpr int shape_depth = 6;

constexpr std::uint32_t mix(std::uint32_t hash, std::uint32_t next) noexcept {
  for (int byte = 0; byte < 4; ++byte) {
    hash = (hash ^ (next >> (8 * byte) & 0xffU)) * 16777619U;
  }
  return hash;
}
constexpr std::uint32_t shape_of(std::string_view name) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char letter : name) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619U;
  }
  return hash;
}

template <class T, int Depth>
constexpr std::uint32_t shape() noexcept {
  require_picklable<T>();  // here it is said first
  if constexpr (Depth <= 0 || !HasCodec<T>) {
    return 0;
  } else {
    return Codec<T>::template shape<Depth - 1>();
  }
}
template <int Depth, class... Ts>
constexpr std::uint32_t shape_with(std::string_view name) noexcept {
  std::uint32_t hash = shape_of(name);
  ((hash = mix(hash, detail::shape<Ts, Depth>())), ...);
  return hash;
}

}  // namespace detail
}  // namespace coeval::pickle
