// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// COEVAL_EXPORT marks what the shared library offers; everything else stays hidden inside it.

#define COEVAL_EXPORT __attribute__((visibility("default")))

// Each header that needs the compiled library includes this one, so each is checked.
#include <coeval/core/abi.hpp>
