// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything of the chapter "executors".

#include <coeval/executors/any_executor.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/parallel_reduce.hpp>
#include <coeval/executors/parallel_sort.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/executors/task_group.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
