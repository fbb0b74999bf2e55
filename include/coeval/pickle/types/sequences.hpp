// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pickling of sequences: vector, deque, list, forward_list, array, bitset. A span is written as a
// vector.

#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/types/text.hpp>

#include <algorithm>
#include <array>
#include <bitset>
#include <deque>
#include <forward_list>
#include <list>
#include <span>
#include <vector>

namespace coeval::pickle::detail {

// Appends elements to an empty container. Ahead is reserved what the bytes that are there could hold:
// all of it if the smallest elements, of which there is room for so many, are not much smaller than
// they are in memory, as texts; else as much memory as there are bytes.
template <class T, class Container>
void read_elements(InputArchive& archive, Container& container) {
  const std::size_t count = archive.read_count(Codec<T>::least_size);
  const InputArchive::Level level(archive);
  if constexpr (requires { container.reserve(count); }) {
    constexpr bool all = sizeof(T) <= 4 * Codec<T>::least_size;
    container.reserve(all ? count : std::min(count, archive.remaining() / sizeof(T)));
  }
  for (std::size_t i = 0; i < count; ++i) {
    container.push_back(archive.template read<T>());
  }
}

template <int Depth, class T>
constexpr std::uint32_t sequence_shape() {
  return shape_with<Depth, T>("sequence");
}

template <class T, std::size_t N>
struct Codec<std::span<T, N>> {
  using Type = std::span<T, N>;
  using Element = std::remove_cv_t<T>;
  static constexpr std::size_t least_size = sizeof(std::uint64_t);

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return sequence_shape<Depth, Element>();
  }
  static void write(OutputArchive& archive, const Type& value) {
    write_contiguous<Element>(archive, value.data(), value.size());
  }
};

template <class T, class Allocator>
  requires(!std::is_same_v<T, bool>)
struct Codec<std::vector<T, Allocator>> {
  using Type = std::vector<T, Allocator>;
  static constexpr std::size_t least_size = sizeof(std::uint64_t);

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return sequence_shape<Depth, T>();
  }
  static void write(OutputArchive& archive, const Type& value) {
    write_contiguous(archive, value.data(), value.size());
  }
  static void read_into(InputArchive& archive, Type& value) {
    if constexpr (is_bitwise<T>()) {
      const std::size_t count = archive.read_count(sizeof(T));
      const std::byte* const bytes = archive.take(count * sizeof(T)).data();
      value.clear();
      value.reserve(count);
      about_to_fill(value.data(), count * sizeof(T));
      // Piece by piece: what resize() clears is still in the cache when it is overwritten. The source
      // need not be aligned for T, so it is copied byte by byte.
      constexpr std::size_t piece = std::max<std::size_t>(1, 16384 / sizeof(T));
      for (std::size_t done = 0; done < count;) {
        const std::size_t next = std::min(count, done + piece);
        value.resize(next);
        std::memcpy(static_cast<void*>(value.data() + done), bytes + done * sizeof(T),
                    (next - done) * sizeof(T));
        done = next;
      }
    } else {
      value.clear();
      read_elements<T>(archive, value);
    }
  }
  static Type read(InputArchive& archive) {
    Type value;
    read_into(archive, value);
    return value;
  }
};

// Of the containers that grow at their end.
template <class Container>
struct SequenceCodec : ReadsByValue<Container> {
  using T = typename Container::value_type;
  static constexpr std::size_t least_size = sizeof(std::uint64_t);

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return sequence_shape<Depth, T>();
  }
  static void write(OutputArchive& archive, const Container& value) {
    archive(static_cast<std::uint64_t>(value.size()));
    const OutputArchive::Level level(archive);
    for (const T& element : value) {
      archive(element);
    }
  }
  static Container read(InputArchive& archive) {
    Container value;
    read_elements<T>(archive, value);
    return value;
  }
};
template <class Allocator>
struct Codec<std::vector<bool, Allocator>> : SequenceCodec<std::vector<bool, Allocator>> {};
template <class T, class Allocator>
struct Codec<std::deque<T, Allocator>> : SequenceCodec<std::deque<T, Allocator>> {};
template <class T, class Allocator>
struct Codec<std::list<T, Allocator>> : SequenceCodec<std::list<T, Allocator>> {};

template <class T, class Allocator>
struct Codec<std::forward_list<T, Allocator>> : ReadsByValue<std::forward_list<T, Allocator>> {
  using Type = std::forward_list<T, Allocator>;
  static constexpr std::size_t least_size = sizeof(std::uint64_t);

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return sequence_shape<Depth, T>();
  }
  static void write(OutputArchive& archive, const Type& value) {
    archive(static_cast<std::uint64_t>(std::distance(value.begin(), value.end())));
    const OutputArchive::Level level(archive);
    for (const T& element : value) {
      archive(element);
    }
  }
  static Type read(InputArchive& archive) {
    std::list<T> elements;
    read_elements<T>(archive, elements);
    Type value;
    for (auto last = elements.rbegin(); last != elements.rend(); ++last) {
      value.push_front(std::move(*last));
    }
    return value;
  }
};

template <class T, std::size_t N>
struct Codec<std::array<T, N>> {
  using Type = std::array<T, N>;
  static constexpr std::size_t least_size = N == 0 ? 1 : N;

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return mix(shape_with<Depth, T>("array"), N);
  }
  static void write(OutputArchive& archive, const Type& value) {
    if constexpr (N == 0) {
      archive(std::uint8_t{0});
    } else if constexpr (is_bitwise<T>()) {
      archive.append(value.data(), sizeof value);
    } else {
      for (const T& element : value) {
        archive(element);
      }
    }
  }
  static void read_into(InputArchive& archive, Type& value) {
    if constexpr (N == 0) {
      archive.take(1);
    } else if constexpr (is_bitwise<T>()) {
      read_once(value, archive.take(sizeof value).data());
    } else {
      for (T& element : value) {
        archive(element);
      }
    }
  }
  static Type read(InputArchive& archive) {
    Type value{};
    read_into(archive, value);
    return value;
  }
};

template <std::size_t N>
struct Codec<std::bitset<N>> : ReadsByValue<std::bitset<N>> {
  static constexpr std::size_t least_size = N / 8 + 1;

  template <int>
  static constexpr std::uint32_t shape() {
    return mix(shape_of("bitset"), N);
  }
  static void write(OutputArchive& archive, const std::bitset<N>& value) {
    std::array<std::uint8_t, least_size> bytes{};
    for (std::size_t bit = 0; bit < N; ++bit) {
      bytes[bit / 8] =
          static_cast<std::uint8_t>(bytes[bit / 8] | (value[bit] ? 1U : 0U) << bit % 8);
    }
    archive.append(bytes.data(), bytes.size());
  }
  static std::bitset<N> read(InputArchive& archive) {
    std::array<std::uint8_t, least_size> bytes;
    read_once(bytes, archive.take(least_size).data());
    std::bitset<N> value;
    for (std::size_t bit = 0; bit < N; ++bit) {
      value[bit] = (bytes[bit / 8] >> bit % 8 & 1U) != 0;
    }
    return value;
  }
};

}  // namespace coeval::pickle::detail
