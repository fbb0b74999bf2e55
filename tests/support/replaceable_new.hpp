// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether a test program may have its own operator new. Under ThreadSanitizer it may not: that
// brings one which cannot be replaced.

#if defined(__SANITIZE_THREAD__)
#define SUPPORT_CAN_REPLACE_NEW 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SUPPORT_CAN_REPLACE_NEW 0
#endif
#endif
#if !defined(SUPPORT_CAN_REPLACE_NEW)
#define SUPPORT_CAN_REPLACE_NEW 1
#endif
