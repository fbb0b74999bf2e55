// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The version of these headers. The build reads it from here; coeval_version() is the library's own,
// which differs only when a program was compiled against one release and runs with another.

#include <coeval/core/export.hpp>

#define COEVAL_VERSION_MAJOR 0
#define COEVAL_VERSION_MINOR 1
#define COEVAL_VERSION_PATCH 0

namespace coeval {

// "0.1.0": the version of the library that is linked in. Thread-safe, never blocks.
COEVAL_EXPORT const char* coeval_version() noexcept;

}  // namespace coeval
