// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace coeval::detail {

// Nothing is left of the calling thread when it ends; nobody joins it.
void detach_this_thread() noexcept;

}  // namespace coeval::detail
