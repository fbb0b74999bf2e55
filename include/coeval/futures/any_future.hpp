// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/futures/future.hpp>

namespace coeval {

// AnyFuture: a handle to any Future<T>, for waiting on futures of several types at once. It shares
// the result with the Future it was made from and compares equal to it; it can be waited for and
// cancelled, but not read. Thread safety and blocking are those of Future.
class AnyFuture : public detail::Handle {
 public:
  AnyFuture() noexcept = default;

  template <class T>
  AnyFuture(const Future<T>& future) noexcept : Handle(future) {}
};

}  // namespace coeval

template <>
struct std::hash<coeval::AnyFuture> : coeval::detail::HandleHash {};
