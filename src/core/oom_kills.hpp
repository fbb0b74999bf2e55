// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The kernel's kills for lack of memory, as the control group of this process counts them.

#include <cstdint>
#include <optional>

namespace coeval {

// How many processes of the group were killed so: oom_kill in memory.events, in version 1 in
// memory.oom_control. Nothing if no group counts.
std::optional<std::int64_t> oom_kills() noexcept;

// Tells why children died of SIGKILL. Of one thread at a time. A kill of a stranger in the same group
// is taken for that of the next child that somebody kills.
class OomKills {
 public:
  OomKills() noexcept : seen_(oom_kills()) {}

  // After the death of a child: whether it is one of those kills. Nothing if that cannot be known.
  std::optional<bool> take_one() noexcept;

 private:
  std::optional<std::int64_t> seen_;
};

}  // namespace coeval
