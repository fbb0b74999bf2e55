// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The codecs of numbers, enumerations, arrays, aggregates, and types that serialize themselves.

#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/detail/members.hpp>
#include <coeval/pickle/detail/read_once.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace coeval::pickle::detail {

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <class T>
concept SerializesItself = requires(T& value, OutputArchive& archive) { value.serialize(archive); };
template <class T>
concept SerializedBeside = !SerializesItself<T> && requires(T& value, OutputArchive& archive) {
  serialize(archive, value);
};
template <class T>
concept SavesAndLoads = requires(const T& value, OutputArchive& out, InputArchive& in) {
  value.save(out);
  { T::load(in) } -> std::same_as<T>;
};
template <class T>
concept Described = SerializesItself<T> || SerializedBeside<T> || SavesAndLoads<T>;
// A structured binding of a std::array names its elements, so it is no plain one.
template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;
template <class T>
concept PlainAggregate = std::is_class_v<T> && !is_std_array<T> && has_members<T> && !Described<T>;

// Whether the bytes in memory are what is written, for a single copy of many: no padding, and no
// bool, of whose bytes all but two values are wrong.
template <class T>
constexpr bool is_bitwise() {
  if constexpr (Number<T>) {
    return !std::is_same_v<std::remove_cv_t<T>, bool> &&
           !std::is_same_v<std::remove_cv_t<T>, long double>;
  } else if constexpr (std::is_array_v<T>) {
    return is_bitwise<std::remove_extent_t<T>>();
  } else if constexpr (is_std_array<T>) {
    return std::tuple_size_v<T> > 0 && is_bitwise<typename T::value_type>();
  } else if constexpr (PlainAggregate<T> && std::is_trivially_copyable_v<T> &&
                       std::is_default_constructible_v<T>) {
    using Sizes = decltype(with_members(std::declval<T&>(), []<class... Ms>(Ms&...) {
      return std::integral_constant<
          std::size_t, ((is_bitwise<std::remove_cv_t<Ms>>() ? sizeof(Ms) : 0) + ... + 0)>();
    }));
    return Sizes::value == sizeof(T);
  } else {
    return false;
  }
}

// Errors: PickleError.
[[noreturn]] COEVAL_EXPORT void bad_value(const char* what);

template <Number T>
struct Codec<T> : ReadsByValue<T> {
  static constexpr std::size_t least_size = sizeof(T);

  template <int>
  static constexpr std::uint32_t shape() {
    if constexpr (std::is_enum_v<T>) {
      return mix(shape_of("enum"), sizeof(T));
    } else if constexpr (std::is_same_v<T, bool>) {
      return shape_of("bool");
    } else {
      return mix(shape_of(std::is_floating_point_v<T> ? "float"
                          : std::is_signed_v<T>       ? "signed"
                                                      : "unsigned"),
                 sizeof(T));
    }
  }
  static void write(OutputArchive& archive, const T& value) {
    if constexpr (std::is_same_v<T, long double>) {
      const T copy = value;  // 6 of its 16 bytes mean nothing
      std::byte bytes[sizeof(T)] = {};
      std::memcpy(bytes, &copy, 10);
      archive.append(bytes, sizeof bytes);
    } else {
      archive.append(&value, sizeof value);
    }
  }
  static T read(InputArchive& archive) {
    std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T> value;
    read_once(value, archive.take(sizeof(T)).data());
    if constexpr (std::is_same_v<T, bool>) {
      if (value > 1) [[unlikely]] {
        bad_value("a bool that is neither 0 nor 1");
      }
    }
    return static_cast<T>(value);
  }
};

// An array as a member of an aggregate: its elements, without a count.
template <class T, std::size_t N>
struct Codec<T[N]> {
  using Type = T[N];
  static constexpr std::size_t least_size = N;

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return mix(shape_with<Depth, T>("array"), N);
  }
  static void write(OutputArchive& archive, const T (&value)[N]) {
    if constexpr (is_bitwise<T>()) {
      archive.append(value, sizeof value);
    } else {
      for (const T& element : value) {
        archive(element);
      }
    }
  }
  static void read_into(InputArchive& archive, T (&value)[N]) {
    if constexpr (is_bitwise<T>()) {
      read_once(value, archive.take(sizeof value).data());
    } else {
      for (T& element : value) {
        archive(element);
      }
    }
  }
};

template <PlainAggregate T>
struct Codec<T> {
  using Type = T;
  static constexpr std::size_t least_size = 1;
  static_assert(std::is_default_constructible_v<T>,
                "coeval::pickle: an aggregate needs a default constructor to be read; give it "
                "save(archive) and load(archive)");

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return decltype(with_members(std::declval<T&>(), []<class... Ms>(Ms&...) {
      return std::integral_constant<std::uint32_t, shape_with<Depth, Ms...>("members")>();
    }))::value;
  }
  static void write(OutputArchive& archive, const T& value) {
    if constexpr (std::is_empty_v<T>) {
      archive(std::uint8_t{0});
    } else if constexpr (is_bitwise<T>()) {
      archive.append(&value, sizeof value);
    } else {
      const OutputArchive::Level level(archive);
      with_members(value, [&archive](const auto&... members) { archive(members...); });
    }
  }
  static void read_into(InputArchive& archive, T& value) {
    if constexpr (std::is_empty_v<T>) {
      archive.take(1);
    } else if constexpr (is_bitwise<T>()) {
      read_once(value, archive.take(sizeof value).data());
    } else {
      const InputArchive::Level level(archive);
      with_members(value, [&archive](auto&... members) { archive(members...); });
    }
  }
  static T read(InputArchive& archive) {
    T value{};
    read_into(archive, value);
    return value;
  }
};

// A type's own serialize() is one function for both directions, so it is no const one; when it
// writes it must not change the object. An empty one would take no bytes, hence the first.
template <Described T>
struct Codec<T> {
  using Type = T;
  static constexpr std::size_t least_size = 1;

  template <int>
  static constexpr std::uint32_t shape() {
    return shape_of("described");
  }
  static void write(OutputArchive& archive, const T& value) {
    const OutputArchive::Level level(archive);
    archive(std::uint8_t{0});
    if constexpr (SavesAndLoads<T>) {
      value.save(archive);
    } else if constexpr (SerializesItself<T>) {
      const_cast<T&>(value).serialize(archive);
    } else {
      serialize(archive, const_cast<T&>(value));
    }
  }
  static void read_into(InputArchive& archive, T& value) {
    if constexpr (SavesAndLoads<T>) {
      value = read(archive);
    } else {
      const InputArchive::Level level(archive);
      archive.take(1);
      if constexpr (SerializesItself<T>) {
        value.serialize(archive);
      } else {
        serialize(archive, value);
      }
    }
  }
  static T read(InputArchive& archive) {
    if constexpr (SavesAndLoads<T>) {
      const InputArchive::Level level(archive);
      archive.take(1);
      return T::load(archive);
    } else {
      static_assert(std::is_default_constructible_v<T>,
                    "coeval::pickle: a type with serialize(archive) needs a default constructor to "
                    "be read; or give it save(archive) and load(archive)");
      T value{};
      read_into(archive, value);
      return value;
    }
  }
};

template <>
struct COEVAL_EXPORT Codec<FileDescriptor> : ReadsByValue<FileDescriptor> {
  static constexpr std::size_t least_size = 1;

  template <int>
  static constexpr std::uint32_t shape() {
    return shape_of("descriptor");
  }
  static void write(OutputArchive& archive, const FileDescriptor& value) {
    archive(std::uint8_t{0});
    archive.attach(value);
  }
  static FileDescriptor read(InputArchive& archive) {
    archive.take(1);
    return archive.detach();
  }
};

}  // namespace coeval::pickle::detail
