// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What SharedArray, Value and Array have in common: elements whose bytes several processes see.

#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>
#include <coeval/pickle/pickle.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <type_traits>

namespace coeval::multiprocessing::detail {

// The memory of the arrays is aligned to this, and so may be their elements.
inline constexpr std::size_t most_alignment = 256;

// Whether the bytes of a T say all there is to it, in any process. A pointer inside of a structure
// cannot be seen from outside; a view always refers to something.
template <class T>
inline constexpr bool can_be_shared =
    std::is_trivially_copyable_v<T> && std::is_same_v<T, std::remove_cv_t<T>> &&
    !std::is_pointer_v<T> && !std::is_member_pointer_v<T> && !std::ranges::enable_view<T> &&
    alignof(T) <= most_alignment;

// Equal for elements that mean the same: numbers of the same kind and size, and anything else of
// the same size.
template <class T>
constexpr std::uint32_t element_code() noexcept {
  if constexpr (pickle::detail::Number<T>) {
    return pickle::detail::shape_code<T>;
  } else {
    return pickle::detail::mix(pickle::detail::shape_of("element"), sizeof(T));
  }
}

// The bytes of so many elements. Errors: ValueError if no file can be that large.
COEVAL_EXPORT std::size_t size_of_elements(const char* type, std::size_t count, std::size_t size);

// Errors: ValueError.
[[noreturn]] COEVAL_EXPORT void throw_no_element(const char* type, std::size_t index,
                                                 std::size_t count);

// What goes ahead of the memory: element_code() and the number of elements.
COEVAL_EXPORT void save_elements(pickle::OutputArchive& archive, std::uint32_t code,
                                 std::size_t count);
// The number of elements that were announced. Errors: PickleError if they are others than these, or
// more than fit into a file.
COEVAL_EXPORT std::size_t load_elements(pickle::InputArchive& archive, const char* type,
                                        std::uint32_t code, std::size_t size);

// Unnamed memory of exactly that size. Errors: PickleError if it is anything else.
COEVAL_EXPORT SharedMemory load_memory(pickle::InputArchive& archive, std::size_t size);

// Makes the elements in memory that is all zero: T() each.
template <class T>
void make_elements(std::span<T> elements) {
  if constexpr (!std::is_trivially_default_constructible_v<T>) {
    std::uninitialized_value_construct(elements.begin(), elements.end());
  }
}

// The same from values, as many as there are of the shorter one.
template <class T, class Values>
void copy_elements(Values&& values, std::span<T> elements) {
  std::ranges::uninitialized_copy(values, elements);
}

}  // namespace coeval::multiprocessing::detail
