// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/processes/parent_tie.hpp"

#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>

#include <fcntl.h>
#include <signal.h>

#include <cstdlib>

namespace coeval::multiprocessing::detail {
namespace {

pid_t parent_of_child = 0;  // set once, before any other thread; 0: this process is no child

}  // namespace

bool tie_to_parent(pid_t parent) noexcept {
  if (sys().process.die_with_parent() != 0 || sys().process.parent() != parent) {
    return false;
  }
  parent_of_child = parent;
  return true;
}

// Without it the first tie is there still.
void tie_to_socket(int line) noexcept {
  const int flags = ::fcntl(line, F_GETFL);
  if (flags < 0 || ::fcntl(line, F_SETOWN, sys().getpid()) != 0 ||
      ::fcntl(line, F_SETSIG, SIGKILL) != 0 || ::fcntl(line, F_SETFL, flags | O_ASYNC) != 0) {
    log(Severity::warning, "coeval.multiprocessing",
        "a child that changes its user may outlive its parent: the kernel refuses F_SETSIG");
  }
}

void renew_parent_tie() noexcept {
  if (parent_of_child == 0) {
    return;
  }
  sys().process.die_with_parent();
  if (sys().process.parent() != parent_of_child) {
    std::_Exit(1);
  }
}

}  // namespace coeval::multiprocessing::detail
