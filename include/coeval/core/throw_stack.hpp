// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ThrowStack: where an exception was thrown.

#include <coeval/core/export.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace coeval {

// Calls a function, and knows afterwards where the exception was thrown that left it. What is
// caught inside leaves no trace, and nothing is paid until something is thrown.
//
//   ThrowStack stack;
//   try {
//     stack.watch([&] { decode(file); });
//   } catch (...) {
//     std::puts(stack.text().c_str());  //   at read_row (libfoo.so.1)
//   }                                   //   at decode (decode.cpp:41)
//
// An exception that was caught inside and thrown again has the stack of its last throw. Calls may
// be nested: each has the part up to itself. On x86-64 and aarch64; elsewhere it stays empty.
// For one thread at a time.
class COEVAL_EXPORT ThrowStack {
 public:
  // Calls function(). Errors: what it raises.
  template <std::invocable F>
  void watch(F&& function) {
    auto* place = std::addressof(function);
    call([](void* context) { static_cast<void>((**static_cast<decltype(place)*>(context))()); },
         static_cast<void*>(&place));
  }

  bool empty() const noexcept { return count_ == 0; }

  // Lines to stand below a message, one per frame, the innermost first, at most 32:
  // "  at decode (decode.cpp:41)". File and line need debug information and libdw.so.1; without,
  // "  at decode (libfoo.so.1)", or "  at libfoo.so.1+0x1234" in a module without symbols. The
  // library's own frames are left out. Empty if nothing is known. Takes milliseconds.
  std::string text() const;

  // In the call of each frame, the innermost first; in this process.
  std::span<const std::uintptr_t> addresses() const noexcept {
    return std::span(addresses_).first(count_);
  }

 private:
  friend struct ThrowRecorder;
  static constexpr std::size_t most_addresses = 48;

  void call(void (*function)(void*), void* context);

  std::array<std::uintptr_t, most_addresses> addresses_{};
  std::size_t count_ = 0;
};

}  // namespace coeval
