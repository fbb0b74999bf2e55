// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bench {

// What the figures depend on, in one line: processors, kernel, compiler, and how busy the machine
// is.
std::string machine_line();

}  // namespace bench
