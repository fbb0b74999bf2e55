// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace coeval::detail {

// Work that takes less is done sooner by the caller than by tasks.
inline constexpr double worth_forking_ns = 20'000;

// What takes less is not worth a look at the clock, nor is its time worth anything.
inline constexpr double measurable_ns = 1'000;

}  // namespace coeval::detail
