// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/system_scope.hpp"

#include <coeval/core/deadline.hpp>
#include <coeval/core/system.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace support {

// Time stands still until advance(). A sleep with a deadline looks at the clock of the test;
// whoever sleeps with one polls it, as the kernel knows nothing of that clock.
class FakeClock {
 public:
  FakeClock()
      : scope_([](coeval::SystemCalls& table) {
          table.monotonic_ns = []() noexcept -> std::int64_t { return now; };
          table.futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                                std::int64_t deadline) noexcept -> int {
            if (deadline == coeval::never_ns) {
              return coeval::kernel().futex_wait(word, expected, coeval::never_ns);
            }
            while (now < deadline) {
              const std::int64_t soon = coeval::kernel().monotonic_ns() + 100'000;
              if (coeval::kernel().futex_wait(word, expected, soon) != ETIMEDOUT) {
                return 0;
              }
            }
            return ETIMEDOUT;
          };
        }) {}

  static void advance(std::chrono::nanoseconds time) { now += time.count(); }

 private:
  static inline std::atomic<std::int64_t> now = 1'000'000'000;
  SystemScope scope_;
};

}  // namespace support
