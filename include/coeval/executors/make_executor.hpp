// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>
#include <coeval/executors/any_executor.hpp>

#include <string_view>

namespace coeval {

// An executor from a text, for configuration files and command lines:
//   "threads"     a ThreadPoolExecutor with its default number of workers
//   "threads:8"   one with 8
//   "processes"   a ProcessPoolExecutor with its default number of workers
//   "processes:4" one with 4
//   "inline"      an InlineExecutor
// It is shut down, and waited for, when the last copy of the handle is gone.
// ValueError for any other text.
COEVAL_EXPORT AnyExecutor make_executor(std::string_view description);

}  // namespace coeval
