// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/log.hpp>

#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <atomic>
#include <iterator>

namespace coeval {
namespace {

const char* name_of(Severity severity) noexcept {
  switch (severity) {
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
    case Severity::critical:
      return "critical";
  }
  return "?";
}

void print_line(Severity severity, std::string_view source, std::string_view text) {
  // One write, so that lines of several threads do not mix.
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line), "{} {}: {}\n", source, name_of(severity), text);
  sys().write_error(line.data(), line.size());
}

// A setting and no part of any protocol.
std::atomic<LogHandler> handler_in_force{&print_line};

}  // namespace

LogHandler set_log_handler(LogHandler handler) noexcept {
  return handler_in_force.exchange(handler != nullptr ? handler : &print_line,
                                   std::memory_order_acq_rel);
}

void log(Severity severity, std::string_view source, std::string_view text) noexcept {
  try {
    handler_in_force.load(std::memory_order_acquire)(severity, source, text);
  } catch (...) {
    constexpr std::string_view line = "coeval: the log handler raised an exception\n";
    sys().write_error(line.data(), line.size());
  }
}

}  // namespace coeval
