// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything of the chapter "futures".

#include <coeval/futures/any_future.hpp>
#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/executor.hpp>
#include <coeval/futures/executor_options.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/futures/task_options.hpp>
#include <coeval/futures/wait.hpp>
#include <coeval/futures/when_all.hpp>
