// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pickling of text: std::string and its kin. A string_view or string literal is written as a
// std::string.

#include <coeval/pickle/archive.hpp>

#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace coeval::pickle::detail {

// Whether it is written as a count and a piece of memory: text, vectors and spans of plain elements.
template <class T>
inline constexpr bool is_contiguous = false;
template <class T, class Allocator>
inline constexpr bool is_contiguous<std::vector<T, Allocator>> =
    !std::is_same_v<T, bool> && is_bitwise<T>();
template <class T, std::size_t N>
inline constexpr bool is_contiguous<std::span<T, N>> = is_bitwise<std::remove_cv_t<T>>();
template <class Char, class Traits, class Allocator>
inline constexpr bool is_contiguous<std::basic_string<Char, Traits, Allocator>> = true;
template <class Char, class Traits>
inline constexpr bool is_contiguous<std::basic_string_view<Char, Traits>> = true;
// A count, and the elements in one piece of memory.
template <class T>
void write_contiguous(OutputArchive& archive, const T* elements, std::size_t count) {
  if constexpr (is_bitwise<T>()) {
    archive.append(std::uint64_t{count}, elements, count * sizeof(T));
  } else {
    archive(std::uint64_t{count});
    if constexpr (is_contiguous<T>) {
      std::size_t size = 0;
      for (std::size_t i = 0; i < count; ++i) {
        size += sizeof(std::uint64_t) + elements[i].size() * sizeof(*elements[i].data());
      }
      archive.reserve(size);
    }
    const OutputArchive::Level level(archive);
    for (std::size_t i = 0; i < count; ++i) {
      archive(elements[i]);
    }
  }
}

template <class Char, class Traits, class Allocator>
struct Codec<std::basic_string<Char, Traits, Allocator>> {
  using Type = std::basic_string<Char, Traits, Allocator>;
  static constexpr std::size_t least_size = sizeof(std::uint64_t);

  template <int>
  static constexpr std::uint32_t shape() {
    return mix(shape_of("text"), sizeof(Char));
  }
  static void write(OutputArchive& archive, const Type& value) {
    write_contiguous(archive, value.data(), value.size());
  }
  static void read_into(InputArchive& archive, Type& value) {
    const std::size_t count = archive.read_count(sizeof(Char));
    const auto bytes = archive.take(count * sizeof(Char));
    if constexpr (sizeof(Char) == 1) {
      value.assign(reinterpret_cast<const Char*>(bytes.data()), count);
    } else {
      value.resize(count);
      if (count != 0) {
        std::memcpy(value.data(), bytes.data(), bytes.size());
      }
    }
  }
  static Type read(InputArchive& archive) {
    if constexpr (sizeof(Char) == 1) {
      const std::size_t count = archive.read_count(1);
      return Type(reinterpret_cast<const Char*>(archive.take(count).data()), count);
    } else {
      Type value;
      read_into(archive, value);
      return value;
    }
  }
};

// Written, and read as a std::basic_string.
template <class Char, class Traits>
struct Codec<std::basic_string_view<Char, Traits>> {
  using Type = std::basic_string_view<Char, Traits>;
  static constexpr std::size_t least_size = sizeof(std::uint64_t);

  template <int>
  static constexpr std::uint32_t shape() {
    return mix(shape_of("text"), sizeof(Char));
  }
  static void write(OutputArchive& archive, const Type& value) {
    write_contiguous(archive, value.data(), value.size());
  }
};

}  // namespace coeval::pickle::detail
