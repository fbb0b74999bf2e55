// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pickling of optional, variant, monostate, tuple, pair, unique_ptr, complex, chrono's durations
// and time points, filesystem::path and error_code.

#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/types/sequences.hpp>

#include <chrono>
#include <complex>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>

namespace coeval::pickle::detail {

template <class T>
struct Codec<std::optional<T>> : ReadsByValue<std::optional<T>> {
  static constexpr std::size_t least_size = 1;

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return shape_with<Depth, T>("optional");
  }
  static void write(OutputArchive& archive, const std::optional<T>& value) {
    archive(value.has_value());
    if (value) {
      const OutputArchive::Level level(archive);
      archive(*value);
    }
  }
  static std::optional<T> read(InputArchive& archive) {
    if (!archive.read<bool>()) {
      return std::nullopt;
    }
    const InputArchive::Level level(archive);
    return archive.template read<T>();
  }
};

template <class T>
struct Codec<std::unique_ptr<T>> : ReadsByValue<std::unique_ptr<T>> {
  static_assert(!std::is_array_v<T>,
                "coeval::pickle: a unique_ptr to an array does not know its length; use a vector");
  static_assert(!std::is_polymorphic_v<T>,
                "coeval::pickle: a unique_ptr to a polymorphic type may hold another type, which "
                "the reader cannot make; use a std::variant");
  static constexpr std::size_t least_size = 1;

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return shape_with<Depth, T>("optional");
  }
  static void write(OutputArchive& archive, const std::unique_ptr<T>& value) {
    archive(value != nullptr);
    if (value != nullptr) {
      const OutputArchive::Level level(archive);
      archive(*value);
    }
  }
  static std::unique_ptr<T> read(InputArchive& archive) {
    if (!archive.read<bool>()) {
      return nullptr;
    }
    const InputArchive::Level level(archive);
    return std::make_unique<T>(archive.template read<T>());
  }
};

template <>
struct Codec<std::monostate> : ReadsByValue<std::monostate> {
  static constexpr std::size_t least_size = 1;

  template <int>
  static constexpr std::uint32_t shape() {
    return shape_of("nothing");
  }
  static void write(OutputArchive& archive, const std::monostate&) { archive(std::uint8_t{0}); }
  static std::monostate read(InputArchive& archive) {
    archive.take(1);
    return {};
  }
};

template <class... Ts>
struct Codec<std::variant<Ts...>> : ReadsByValue<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;
  static constexpr std::size_t least_size = sizeof(std::uint32_t);

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return shape_with<Depth, Ts...>("variant");
  }
  static void write(OutputArchive& archive, const Variant& value) {
    if (value.valueless_by_exception()) {
      bad_value("a variant without a value cannot cross");
    }
    archive(static_cast<std::uint32_t>(value.index()));
    const OutputArchive::Level level(archive);
    std::visit([&archive](const auto& held) { archive(held); }, value);
  }
  static Variant read(InputArchive& archive) {
    const auto index = archive.read<std::uint32_t>();
    if (index >= sizeof...(Ts)) {
      bad_value("a variant with an index that it does not have");
    }
    const InputArchive::Level level(archive);
    return read_alternative<0>(archive, index);
  }

 private:
  template <std::size_t I>
  static Variant read_alternative(InputArchive& archive, std::size_t index) {
    if constexpr (I + 1 < sizeof...(Ts)) {
      if (index != I) {
        return read_alternative<I + 1>(archive, index);
      }
    }
    using Held = std::variant_alternative_t<I, Variant>;
    return Variant(std::in_place_index<I>, archive.template read<Held>());
  }
};

// One after the other. The empty tuple takes a byte.
template <class... Ts>
struct Codec<std::tuple<Ts...>> : ReadsByValue<std::tuple<Ts...>> {
  static constexpr std::size_t least_size = 1;

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return shape_with<Depth, Ts...>("tuple");
  }
  static void write(OutputArchive& archive, const std::tuple<Ts...>& value) {
    if constexpr (sizeof...(Ts) == 0) {
      archive(std::uint8_t{0});
    } else {
      std::apply([&archive](const Ts&... each) { archive(each...); }, value);
    }
  }
  static std::tuple<Ts...> read(InputArchive& archive) {
    if constexpr (sizeof...(Ts) == 0) {
      archive.take(1);
      return {};
    } else {
      return std::tuple<Ts...>{archive.template read<Ts>()...};  // in order, by the braces
    }
  }
};

template <class A, class B>
struct Codec<std::pair<A, B>> : ReadsByValue<std::pair<A, B>> {
  static constexpr std::size_t least_size = 1;

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return shape_with<Depth, A, B>("tuple");
  }
  static void write(OutputArchive& archive, const std::pair<A, B>& value) {
    archive(value.first, value.second);
  }
  static std::pair<A, B> read(InputArchive& archive) {
    return std::pair<A, B>{archive.template read<A>(), archive.template read<B>()};
  }
};

// What is written as another type: Codec<T> gives as_written(value) and as_read(value).
template <class T, class Written>
struct ConvertedCodec : ReadsByValue<T> {
  static constexpr std::size_t least_size = Codec<Written>::least_size;

  template <int Depth>
  static constexpr std::uint32_t shape() {
    return shape_with<Depth, Written>(Codec<T>::name);
  }
  static void write(OutputArchive& archive, const T& value) {
    archive(Codec<T>::as_written(value));
  }
  static T read(InputArchive& archive) {
    return Codec<T>::as_read(archive.template read<Written>());
  }
};

template <class T>
struct Codec<std::complex<T>> : ConvertedCodec<std::complex<T>, std::pair<T, T>> {
  static constexpr std::string_view name = "complex";
  static std::pair<T, T> as_written(const std::complex<T>& value) {
    return {value.real(), value.imag()};
  }
  static std::complex<T> as_read(const std::pair<T, T>& value) {
    return {value.first, value.second};
  }
};

template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>>
    : ConvertedCodec<std::chrono::duration<Rep, Period>, Rep> {
  using Duration = std::chrono::duration<Rep, Period>;
  static constexpr std::string_view name = "duration";
  static Rep as_written(const Duration& value) { return value.count(); }
  static Duration as_read(Rep value) { return Duration(value); }
};

// A point of the steady clock means the same in all processes of a machine, until it is restarted.
template <class Clock, class Duration>
struct Codec<std::chrono::time_point<Clock, Duration>>
    : ConvertedCodec<std::chrono::time_point<Clock, Duration>, Duration> {
  using Point = std::chrono::time_point<Clock, Duration>;
  static constexpr std::string_view name = "time point";
  static Duration as_written(const Point& value) { return value.time_since_epoch(); }
  static Point as_read(Duration value) { return Point(value); }
};

template <>
struct Codec<std::filesystem::path> : ConvertedCodec<std::filesystem::path, std::string> {
  static constexpr std::string_view name = "path";
  static std::string as_written(const std::filesystem::path& value) { return value.native(); }
  static std::filesystem::path as_read(std::string value) { return {std::move(value)}; }
};

// Of the generic and the system category; others raise PickleError when they are written.
template <>
struct COEVAL_EXPORT Codec<std::error_code>
    : ConvertedCodec<std::error_code, std::pair<std::uint8_t, std::int32_t>> {
  using Written = std::pair<std::uint8_t, std::int32_t>;
  static constexpr std::string_view name = "error code";
  static Written as_written(const std::error_code& value) {
    if (value.category() != std::generic_category() && value.category() != std::system_category()) {
      bad_value("an error_code of a category of the program cannot cross");
    }
    return {value.category() == std::system_category() ? std::uint8_t{1} : std::uint8_t{0},
            value.value()};
  }
  static std::error_code as_read(const Written& value) {
    if (value.first > 1) {
      bad_value("an error_code of an unknown category");
    }
    return {value.second, value.first == 1 ? std::system_category() : std::generic_category()};
  }
};

}  // namespace coeval::pickle::detail
