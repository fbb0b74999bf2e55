// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which sanitizer this is compiled with: g++ tells by a macro, clang by a feature.

#if defined(__has_feature)
#define SUPPORT_HAS_FEATURE(x) __has_feature(x)
#else
#define SUPPORT_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SUPPORT_HAS_FEATURE(address_sanitizer)
#define SUPPORT_ADDRESS_SANITIZER 1
#else
#define SUPPORT_ADDRESS_SANITIZER 0
#endif
#if defined(__SANITIZE_THREAD__) || SUPPORT_HAS_FEATURE(thread_sanitizer)
#define SUPPORT_THREAD_SANITIZER 1
#else
#define SUPPORT_THREAD_SANITIZER 0
#endif

namespace support {

inline constexpr bool under_address_sanitizer = SUPPORT_ADDRESS_SANITIZER != 0;
inline constexpr bool under_thread_sanitizer = SUPPORT_THREAD_SANITIZER != 0;
inline constexpr bool under_sanitizer = under_address_sanitizer || under_thread_sanitizer;

}  // namespace support
