// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace model {
namespace {

// The last two parts of a path.
std::string_view short_path(std::string_view path) {
  std::size_t slash = path.rfind('/');
  slash = slash == path.npos || slash == 0 ? path.npos : path.rfind('/', slash - 1);
  return slash == path.npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string place(const std::source_location& where) {
  return fmt::format("{}:{}", short_path(where.file_name()), where.line());
}

void Trace::add(std::string_view thread, std::string text, const std::source_location& where) {
  lines_.push_back({std::string(thread), std::move(text), where});
}

void Trace::name(const void* begin, std::size_t size, std::string_view text) {
  names_.push_back({static_cast<const char*>(begin), size, std::string(text)});
}

std::string Trace::name_of(const void* address, std::size_t number) const {
  const auto* byte = static_cast<const char*>(address);
  // The last name counts: memory may have been used for something else before.
  for (auto name = names_.rbegin(); name != names_.rend(); ++name) {
    if (byte >= name->begin && byte < name->begin + name->size) {
      return byte == name->begin ? name->text
                                 : fmt::format("{}+{}", name->text, byte - name->begin);
    }
  }
  return fmt::format("atomic {}", number);
}

std::string Trace::text() const {
  std::size_t thread_width = 6;
  std::size_t text_width = 4;
  for (const Line& line : lines_) {
    thread_width = std::max(thread_width, line.thread.size());
    text_width = std::clamp(line.text.size(), text_width, std::size_t{56});
    // A longer line pushes its own place to the right.
  }
  std::string text;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const Line& line = lines_[i];
    fmt::format_to(std::back_inserter(text), "  {:>4}  {:<{}}  ", i + 1, line.thread, thread_width);
    if (line.where.line() == 0) {
      text += line.text + "\n";
    } else {
      fmt::format_to(std::back_inserter(text), "{:<{}}  {}\n", line.text, text_width,
                     place(line.where));
    }
  }
  return text;
}

}  // namespace model
