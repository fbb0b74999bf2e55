// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "interrupt.hpp"

#include <unistd.h>

#include <atomic>
#include <initializer_list>

namespace tour {

namespace {

std::atomic<pid_t> child_group = 0;
std::atomic<bool> must_reset_terminal = false;
std::atomic<const char* const*> leftovers = nullptr;

// Only what signal-safety(7) allows in a handler.
void on_signal(int signal_number) {
  const pid_t group = child_group.load();
  if (group > 0) {
    kill(-group, SIGKILL);
  }
  for (const char* const* path = leftovers.load(); path != nullptr && *path != nullptr; ++path) {
    if (unlink(*path) != 0) {
      rmdir(*path);
    }
  }
  if (must_reset_terminal.load()) {
    constexpr char normal[] = "\033[0m\n";
    [[maybe_unused]] const ssize_t ignored = write(STDOUT_FILENO, normal, sizeof normal - 1);
  }
  raise(signal_number);  // SA_RESETHAND: now it ends the process, and the shell sees which one did
}

}  // namespace

void end_at_once_when_told(bool reset_terminal) {
  must_reset_terminal = reset_terminal;
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action{};
    sigaction(signal_number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) {
      continue;  // nohup, or a shell that runs us in the background
    }
    action.sa_handler = &on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(signal_number, &action, nullptr);
  }
}

DelayedSignals::DelayedSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

DelayedSignals::~DelayedSignals() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void set_child_group(pid_t group) {
  child_group = group;
}

void remove_when_told(const char* const* paths) {
  leftovers = paths;
}

}  // namespace tour
