// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/pool/process_end.hpp"

#include <fmt/format.h>

#include <signal.h>
#include <string.h>

namespace coeval::detail {

std::string how_it_ended(int exitcode, std::optional<bool> of_memory) {
  if (exitcode >= 0) {
    return fmt::format("ended its process with exit code {}", exitcode);
  }
  const char* const name = sigabbrev_np(-exitcode);
  const char* why = "";
  if (exitcode == -SIGKILL) {
    why = !of_memory   ? " (a kill -9, or the kernel was out of memory)"
          : *of_memory ? " (out of memory: the kernel killed it)"
                       : " (a kill -9)";
  }
  return fmt::format(
      "died of {}{}",
      name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", -exitcode), why);
}

}  // namespace coeval::detail
