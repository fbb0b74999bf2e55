// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/pool/early_death.hpp"

#include "multiprocessing/processes/child.hpp"

#include <fmt/format.h>

namespace coeval::detail {
namespace {

// Who has refused it and why, to end a sentence with; empty for other ends.
const char* refusal_text(int exitcode) noexcept {
  switch (exitcode) {
    case multiprocessing::detail::loader_exitcode:
      return ", as the dynamic loader does where it finds no library; standard error says which";
    case multiprocessing::detail::uncertain_exitcode:
      return ", as a child does that is not certain of its parent; standard error says why";
    default:
      return "";
  }
}

}  // namespace

bool is_refusal(int exitcode) noexcept {
  return *refusal_text(exitcode) != '\0';
}

std::string early_deaths_text(int deaths, const std::string& last, int exitcode, bool is_refused) {
  return is_refused
             ? fmt::format("a process could not begin, and the next could not: {}{}", last,
                           refusal_text(exitcode))
             : fmt::format("{} processes in a row ended before they ran a task; the last, {}",
                           deaths, last);
}

}  // namespace coeval::detail
