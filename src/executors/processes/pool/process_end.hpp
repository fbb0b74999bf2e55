// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a worker's process ended, in words.

#include <optional>
#include <string>

namespace coeval::detail {

// exitcode: as Process::exitcode() has it. of_memory: whether the kernel killed it because memory was
// out, if that is known.
std::string how_it_ended(int exitcode, std::optional<bool> of_memory);

}  // namespace coeval::detail
