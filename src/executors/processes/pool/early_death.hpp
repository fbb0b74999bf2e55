// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a process pool makes of a worker that ended before it ran a task.

#include <string>

namespace coeval::detail {

// Whether a process that has ended so, before it was a worker, was refused, and the next one will be
// as well: it is not tried again.
bool is_refusal(int exitcode) noexcept;

// What broke the pool: a refusal, or so many early deaths in a row.
std::string early_deaths_text(int deaths, const std::string& last, int exitcode, bool is_refused);

}  // namespace coeval::detail
