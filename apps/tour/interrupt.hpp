// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/types.h>

namespace tour {

// From here on Ctrl-C (SIGINT), SIGTERM and SIGHUP end the process at once, as they do by default,
// but take the child with them and leave the terminal in its normal colours.
void end_at_once_when_told(bool reset_terminal);

// While it lives, signals to this thread wait: what they must find is made and made known together.
class DelayedSignals {
 public:
  DelayedSignals();
  DelayedSignals(const DelayedSignals&) = delete;
  DelayedSignals& operator=(const DelayedSignals&) = delete;
  ~DelayedSignals();

  const sigset_t& mask_before() const { return before_; }

 private:
  sigset_t before_{};
};

// The process group that is killed along with this process; 0: none.
void set_child_group(pid_t group);

// The paths that are removed then: files, and behind them their folder if it is empty. A list that
// ends with a null pointer and outlives the next call; nullptr: none.
void remove_when_told(const char* const* paths);

}  // namespace tour
