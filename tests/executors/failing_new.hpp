// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Makes allocations of the calling thread fail: this test program has its own operator new. Under
// ThreadSanitizer it has not, as that brings one which cannot be replaced.

#if defined(__SANITIZE_THREAD__)
#define SUPPORT_CAN_FAIL_NEW 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SUPPORT_CAN_FAIL_NEW 0
#endif
#endif
#if !defined(SUPPORT_CAN_FAIL_NEW)
#define SUPPORT_CAN_FAIL_NEW 1
#endif

namespace support {

// While it lives, the nth allocation of this thread raises std::bad_alloc; the others succeed.
class FailingNew {
 public:
  explicit FailingNew(int nth) noexcept;
  ~FailingNew();
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  // Whether there were so many.
  static bool has_failed() noexcept;
};

}  // namespace support
