// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Standard types cross between a program and the compiled library, so both must lay them out alike.
// A program that is compiled for another layout (with -D_GLIBCXX_DEBUG, with
// -D_GLIBCXX_USE_CXX11_ABI=0, with libc++) does not link: the linker names what it lacks below.
// Without this it would link, and crash. The cure is to build the library with the same option.

#include <coeval/core/export.hpp>

#include <version>

#if defined(_LIBCPP_VERSION)
#define COEVAL_STANDARD_TYPES standard_types_of_libcxx
#elif defined(_GLIBCXX_DEBUG)
#define COEVAL_STANDARD_TYPES standard_types_of_GLIBCXX_DEBUG
#elif defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#define COEVAL_STANDARD_TYPES standard_types_without_CXX11_ABI
#else
#define COEVAL_STANDARD_TYPES standard_types_of_libstdcxx
#endif

// The names make the linker's message: undefined reference to
// `coeval::the_library_is_not_built_with::standard_types_of_GLIBCXX_DEBUG'.
namespace coeval::the_library_is_not_built_with {

// Defined in the library, for its own layout alone.
COEVAL_EXPORT extern const char COEVAL_STANDARD_TYPES;

}  // namespace coeval::the_library_is_not_built_with

namespace coeval::detail {

// One for each layout, so that an object file with another one asks for its own.
template <const char* layout>
struct Requires {
  [[gnu::used]] static inline const char* const what = layout;
};
template struct Requires<&the_library_is_not_built_with::COEVAL_STANDARD_TYPES>;

}  // namespace coeval::detail
