// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How deeply an archive's values are nested.

#include <coeval/core/export.hpp>

namespace coeval::pickle {

// How deeply values may be nested, so that neither a long chain of pointers nor hostile bytes
// overflow the stack.
inline constexpr int most_levels = 200;

namespace detail {

// Errors: PickleError.
[[noreturn]] COEVAL_EXPORT void too_deep();

// Counts a level of nesting of an archive while it lives. Errors: PickleError for one too many.
template <class A>
class ArchiveLevel {
 public:
  explicit ArchiveLevel(A& archive) : archive_(archive) {
    if (archive.levels_ == most_levels) [[unlikely]] {
      too_deep();
    }
    ++archive.levels_;
  }
  ~ArchiveLevel() { --archive_.levels_; }
  ArchiveLevel(const ArchiveLevel&) = delete;
  ArchiveLevel& operator=(const ArchiveLevel&) = delete;

 private:
  A& archive_;
};

}  // namespace detail
}  // namespace coeval::pickle
