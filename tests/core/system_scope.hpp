// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/system.hpp>

#include <deque>

namespace support {

// Puts a changed copy of the kernel's table in force while it lives.
//
//   SystemScope scope([](coeval::SystemCalls& table) { table.gettid = []() noexcept { return 1; };
//   });
//
// For one thread at a time. The copies stay for good: another thread may be about to read one when
// the scope ends.
class SystemScope {
 public:
  template <class Change>
  explicit SystemScope(Change change) {
    static auto& tables = *new std::deque<coeval::SystemCalls>;
    coeval::SystemCalls& table = tables.emplace_back(coeval::kernel());
    change(table);
    before_ = &coeval::replace_system_calls(table);
  }
  ~SystemScope() { coeval::replace_system_calls(*before_); }
  SystemScope(const SystemScope&) = delete;
  SystemScope& operator=(const SystemScope&) = delete;

 private:
  const coeval::SystemCalls* before_;
};

}  // namespace support
