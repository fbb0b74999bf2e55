// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A crash of the code under test still says how to see it again.

#include "model/search.hpp"

#include <signal.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>

namespace model {

// While it lives, a signal that ends the program (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) first
// prints the choices of the execution that runs. One at a time.
class CrashReport {
 public:
  CrashReport(const std::string& name, const Chooser& chooser);
  ~CrashReport();
  CrashReport(const CrashReport&) = delete;
  CrashReport& operator=(const CrashReport&) = delete;

 private:
  static constexpr std::array signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  static void print(int signal);
  void restore() noexcept;

  inline static constinit CrashReport* current_ = nullptr;

  const std::string& name_;
  const Chooser& chooser_;
  std::array<struct sigaction, signals.size()> before_{};
  std::unique_ptr<std::byte[]> stack_;  // a fiber's own may be full
  stack_t stack_before_{};
};

}  // namespace model
