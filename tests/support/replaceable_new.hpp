// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether a test program may have its own operator new. Under ThreadSanitizer it may not: that
// brings one which cannot be replaced.

#include "support/sanitizers.hpp"

#define SUPPORT_CAN_REPLACE_NEW (!SUPPORT_THREAD_SANITIZER)
