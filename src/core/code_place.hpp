// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A place in the code of a program, as other processes that run it find it too: libraries lie at
// other addresses there.

#include <cstdint>
#include <string_view>

namespace coeval::detail {

struct CodePlace {
  const char* module;    // its path as the dynamic linker has it, empty for the program; or null
  std::uint64_t offset;  // in the module; the address itself where none is known
};

// Of an address in this process. Async-signal-safe.
CodePlace place_of_code(std::uintptr_t address) noexcept;

// The address of a place in this process; 0 if it has none. A library is known by its name where
// none has the whole path: the other process may have found it in another folder.
std::uintptr_t address_of_code(std::string_view module, std::uint64_t offset);

}  // namespace coeval::detail
