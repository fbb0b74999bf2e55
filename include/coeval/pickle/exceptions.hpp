// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pickling of exceptions: a std::exception_ptr.

#include <coeval/core/export.hpp>
#include <coeval/pickle/archive.hpp>

#include <exception>

namespace coeval {
class ThrowStack;
}

namespace coeval::pickle {

// Writes what archive(exception) writes, and with it where it was thrown, as the ThrowStack knows that
// watched the call: as text in a RemoteError, nested as a RemoteTraceback in others. One that brought
// a stack from another process keeps that. Read as std::exception_ptr. Errors: as archive(exception).
COEVAL_EXPORT void write_exception(OutputArchive& archive, const std::exception_ptr& exception,
                                   const ThrowStack& stack);

namespace detail {

// The exceptions of the standard library and of this one come back as themselves, with their text
// and what is nested in them; all others as RemoteError, also those derived from a known type.
template <>
struct COEVAL_EXPORT Codec<std::exception_ptr> : ReadsByValue<std::exception_ptr> {
  static constexpr std::size_t least_size = 1;

  template <int>
  static constexpr std::uint32_t shape() {
    return shape_of("exception");
  }
  static void write(OutputArchive& archive, const std::exception_ptr& value);
  static std::exception_ptr read(InputArchive& archive);
};

}  // namespace detail
}  // namespace coeval::pickle
