// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/worker/group_signals.hpp"

#include <coeval/core/system.hpp>

#include <signal.h>

namespace coeval::detail {
namespace {

// For the handler, which has no other way to them.
const WorkerSide* side_of_this_process = nullptr;
pid_t worker = 0;

bool is_meant(int signal, const siginfo_t& info) noexcept {
  const pid_t self = sys().getpid();
  const bool was_sent = info.si_code <= 0;
  return self != worker || (was_sent && info.si_pid == self) ||
         (signal == SIGTERM && side_of_this_process->is_to_end());
}

void on_group_signal(int signal, siginfo_t* info, void*) noexcept {
  if (is_meant(signal, *info)) {
    ::signal(signal, SIG_DFL);
    raise(signal);  // it is not blocked here: SA_NODEFER
  }
}

}  // namespace

void answer_signals(const WorkerSide& side) noexcept {
  side_of_this_process = &side;
  worker = sys().getpid();
  ::signal(SIGINT, SIG_IGN);
  struct sigaction action{};
  action.sa_sigaction = &on_group_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
  sigset_t none{};
  sigemptyset(&none);
  sys().process.block_signals(&none);
}

}  // namespace coeval::detail
