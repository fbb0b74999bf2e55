// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// dumps() and loads(): a value as bytes, and back; Python's pickle.

#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/exceptions.hpp>
#include <coeval/pickle/parcel.hpp>
#include <coeval/pickle/types/associative.hpp>
#include <coeval/pickle/types/sequences.hpp>
#include <coeval/pickle/types/text.hpp>
#include <coeval/pickle/types/values.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace coeval::pickle {

namespace detail {

// What a value of type T is written as: text in any form as a string.
template <class T>
using Written =
    std::conditional_t<std::is_convertible_v<const T&, const char*>, std::string_view, T>;

template <class T>
inline constexpr std::uint32_t shape_code = shape<T, shape_depth>();

// Errors: PickleError that names the type.
[[noreturn]] COEVAL_EXPORT void other_type(const std::type_info& asked, std::uint32_t found);

template <class T>
void write_value(OutputArchive& archive, const T& value) {
  require_picklable<Written<T>>();
  archive(shape_code<Written<T>>);
  archive(static_cast<const Written<T>&>(value));
}

template <class T>
T read_value(InputArchive& archive) {
  require_readable<T>();
  const auto found = archive.read<std::uint32_t>();
  if (found != shape_code<T>) {
    other_type(typeid(T), found);
  }
  T value = archive.read<T>();
  archive.expect_end();
  return value;
}

// A value that can be sent at once, without a copy of what is in memory already.
template <class T>
concept InPieces = is_contiguous<T>;

// The same bytes as dumps() makes. Refers to the value.
struct Pieces {
  template <InPieces T>
  explicit Pieces(const T& value) : rest(std::as_bytes(std::span(value.data(), value.size()))) {
    const std::uint64_t count = value.size();
    std::memcpy(front.data(), &shape_code<T>, sizeof(std::uint32_t));
    std::memcpy(front.data() + sizeof(std::uint32_t), &count, sizeof count);
  }

  std::array<std::byte, sizeof(std::uint32_t) + sizeof(std::uint64_t)> front;
  std::span<const std::byte> rest;
};

}  // namespace detail

// The value as bytes, with the structure of its type in front. What differs in type but not in
// structure is the same: a string literal is a std::string, a span a vector, a struct of an int and
// a double any other such struct. For processes of one machine; not a format to keep on disk.
// Thread-safe, as long as nobody changes the value. Errors: PickleError.
template <class T>
Bytes dumps(const T& value) {
  OutputArchive archive;
  detail::write_value(archive, value);
  return archive.take().bytes;
}

// The value of these bytes. Errors: PickleError if they are no whole pickled T and nothing else:
// whatever they are, nothing else happens, and no more memory is taken than they justify.
template <class T>
T loads(std::span<const std::byte> bytes) {
  InputArchive archive(bytes);
  return detail::read_value<T>(archive);
}

// The same for values with file descriptors, or handles of this library, in them.
template <class T>
Parcel dumps_parcel(const T& value) {
  auto archive = OutputArchive::with_descriptors();
  detail::write_value(archive, value);
  return archive.take();
}
template <class T>
T loads_parcel(Parcel parcel) {
  InputArchive archive(parcel.bytes, parcel.descriptors);
  return detail::read_value<T>(archive);
}

}  // namespace coeval::pickle
