// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The interleaving of one execution in readable lines.

#include <cstddef>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace model {

// "model/trace.hpp:17": the file with its folder.
std::string place(const std::source_location& where);

class Trace {
 public:
  // Something happened at the end of the list.
  void add(std::string_view thread, std::string text,
           const std::source_location& where = std::source_location());

  // Gives the memory of an object a name.
  void name(const void* begin, std::size_t size, std::string_view text);

  // "head" or "queue+8" when the address has a name, else "atomic 3" with the number given.
  std::string name_of(const void* address, std::size_t number) const;

  // One line per step: number, thread, what, where.
  std::string text() const;

 private:
  struct Line {
    std::string thread;
    std::string text;
    std::source_location where;
  };
  struct Name {
    const char* begin;
    std::size_t size;
    std::string text;
  };
  std::vector<Line> lines_;
  std::vector<Name> names_;
};

}  // namespace model
