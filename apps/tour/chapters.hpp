// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "terminal.hpp"

#include <chrono>
#include <concepts>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace tour {

struct Outcome {
  bool ok = true;
  std::string summary =
      {};  // half a line for the end of the tour; empty when there is nothing to tell
};

// (1) The lesson's first program: two threads.
Outcome chapter_threads(Terminal& terminal);

// (2) Fetching many files: one by one, and with thread pools. Without a folder it takes the headers
// of the standard library. Port 0: any that is free.
Outcome chapter_io(Terminal& terminal, const std::optional<std::filesystem::path>& folder,
                   int port);

// (3) Computing on several threads, beside Python.
Outcome chapter_cpu(Terminal& terminal);

// (4) Developing pictures, of which one crashes the decoder: on threads, and on processes. Without a
// folder it renders some. The contact sheet goes to out, or into a new temporary file.
Outcome chapter_pictures(Terminal& terminal, const std::optional<std::filesystem::path>& folder,
                         const std::optional<std::filesystem::path>& out);

// The seconds that a call takes.
template <std::invocable F>
double seconds_of(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  std::invoke(f);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace tour
