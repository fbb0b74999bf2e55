// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the library says what nobody else can be told: an exception in a callback, a thread that
// died of one, an initializer that failed.

#include <coeval/core/export.hpp>

#include <string_view>

namespace coeval {

enum class Severity { warning, error, critical };

// source is the part of the library that speaks ("coeval.futures"), text one line without a line
// end; the stack of an exception follows it, a line per frame. Called from any thread, several at
// once; must not throw.
using LogHandler = void (*)(Severity severity, std::string_view source, std::string_view text);

// Replaces the handler and returns the one before; nullptr restores the default, which prints the
// text to standard error, in one piece. Thread-safe.
COEVAL_EXPORT LogHandler set_log_handler(LogHandler handler) noexcept;

// Says one line through the handler. Thread-safe; never throws.
COEVAL_EXPORT void log(Severity severity, std::string_view source, std::string_view text) noexcept;

}  // namespace coeval
