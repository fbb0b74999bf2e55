// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The names of stack frames, for people.

#include <cstdint>
#include <span>
#include <string>

namespace coeval::detail {

inline constexpr std::size_t most_lines = 32;

// What is known about one address of code in this process.
struct NamedFrame {
  std::string symbol;         // as the linker calls it; empty if there is none
  std::string module;         // the file's name without folders
  std::uintptr_t offset = 0;  // of the address in the module, if there is one
  std::string file;           // of the source, without folders; empty if unknown
  int line = 0;
};

// Whether it is the business of the library, the unwinder or the C++ runtime, not of the program.
bool is_inner(const std::string& symbol);

// "decode" of what the linker calls "_Z6decodei": without the parameters.
std::string function_name(const std::string& symbol);

// A line per frame that is of interest, "  at decode (decode.cpp:41)", without a last line end.
// Addresses lie within the frame's call. An empty text if nothing can be had.
std::string frame_lines(std::span<const std::uintptr_t> addresses);

}  // namespace coeval::detail
