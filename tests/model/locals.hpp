// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Locals: one fiber's copy of the program's thread_local variables.

#include <cstddef>
#include <vector>

namespace model {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool thread_locals_supported = false;  // a sanitizer keeps its own state there
#elif defined(__has_feature)
inline constexpr bool thread_locals_supported =
    !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
inline constexpr bool thread_locals_supported = true;
#endif

// Holds the thread_local variables of the program itself (not those of shared libraries) while its
// fiber does not run. They are copied byte by byte: no constructor and no destructor runs, so they
// must be constant-initialised and trivially destructible.
class Locals {
 public:
  // Sets them to what a new thread begins with.
  void reset();

  // Copies the variables in here, and out of here.
  void save();
  void load() const;

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace model
