// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "shown_code.hpp"

#include <algorithm>
#include <stdexcept>

namespace tour {

namespace {

// The build makes these from the sources of the same names.
constexpr std::string_view sources[] = {
#include "chapter_cpu.inc"
    ,
#include "chapter_io.inc"
    ,
#include "chapter_pictures.inc"
    ,
#include "chapter_threads.inc"
    ,
#include "picture_work.inc"
    ,
#include "python.inc"
};

// Takes the first line off the text.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string marked_lines(std::string_view text, std::string_view name) {
  const std::string begin = " shown: " + std::string(name);
  while (!text.empty() && !next_line(text).ends_with(begin)) {
  }
  std::string found;
  std::size_t indent = std::string_view::npos;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.ends_with(" shown: end")) {
      break;
    }
    indent = std::min(indent, line.find_first_not_of(' '));
    found += std::string(line.substr(std::min(indent, line.size()))) + "\n";
  }
  return found;
}

}  // namespace

std::string shown_code(std::string_view name) {
  for (const std::string_view source : sources) {
    std::string found = marked_lines(source, name);
    if (!found.empty()) {
      return found;
    }
  }
  throw std::logic_error("no source of the tour has lines called " + std::string(name));
}

}  // namespace tour
