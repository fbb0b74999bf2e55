// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/crash.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace model {
namespace {

constexpr std::size_t signal_stack_size = std::size_t{64} * 1024;

}  // namespace

CrashReport::CrashReport(const std::string& name, const Chooser& chooser)
    : name_(name), chooser_(chooser), stack_(new std::byte[signal_stack_size]) {
  current_ = this;
  stack_t stack{};
  stack.ss_sp = stack_.get();
  stack.ss_size = signal_stack_size;
  sigaltstack(&stack, &stack_before_);
  struct sigaction action{};
  action.sa_handler = &CrashReport::print;
  action.sa_flags = SA_ONSTACK;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals[i], &action, &before_[i]);
  }
}

CrashReport::~CrashReport() {
  restore();
  sigaltstack(&stack_before_, nullptr);
  current_ = nullptr;
}

void CrashReport::restore() noexcept {
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals[i], &before_[i], nullptr);
  }
}

// Allocates memory, which a signal handler must not: the program ends here in any case. The signal
// comes again when this returns, and finds what would have handled it otherwise.
void CrashReport::print(int signal) {
  current_->restore();
  fmt::print(stderr,
             "model: signal {} in an execution; see it again with COEVAL_MODEL_REPLAY='{}{}{}'\n",
             signal, current_->name_, current_->name_.empty() ? "" : "/",
             text_of(current_->chooser_.choices()));
}

}  // namespace model
