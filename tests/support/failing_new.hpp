// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Makes allocations fail, where the test program can have its own operator new.

#include "support/replaceable_new.hpp"

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

// While it lives, the nth allocation of all other threads together raises std::bad_alloc; the others
// succeed.
class FailingNewElsewhere {
 public:
  explicit FailingNewElsewhere(int nth) noexcept;
  ~FailingNewElsewhere();
  FailingNewElsewhere(const FailingNewElsewhere&) = delete;
  FailingNewElsewhere& operator=(const FailingNewElsewhere&) = delete;

  static bool has_failed() noexcept;
};

}  // namespace support
