// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What pickling makes: bytes, and with them the file descriptors that travel beside.

#include <coeval/core/file_descriptor.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::pickle {

namespace detail {

// Leaves new elements uninitialised, since they are written at once: a resize costs nothing.
template <class T>
class Uninitialised : public std::allocator<T> {
 public:
  template <class U>
  struct rebind {                    // NOLINT(readability-identifier-naming): the standard's names
    using other = Uninitialised<U>;  // NOLINT(readability-identifier-naming)
  };
  Uninitialised() noexcept = default;
  template <class U>
  Uninitialised(const Uninitialised<U>&) noexcept {}

  template <class U>
  void construct(U* place) noexcept(std::is_nothrow_default_constructible_v<U>) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    std::construct_at(place, std::forward<Args>(args)...);
  }
};

}  // namespace detail

// A std::vector of bytes whose resize() does not clear the new ones.
using Bytes = std::vector<std::byte, detail::Uninitialised<std::byte>>;

// A pickled value. A Connection carries both parts; bytes alone would lose the descriptors.
struct Parcel {
  Bytes bytes;
  std::vector<FileDescriptor> descriptors;
};

}  // namespace coeval::pickle
