// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything.

#include <coeval/core/cpu.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/function.hpp>
#include <coeval/core/hooks.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/throw_stack.hpp>
#include <coeval/executors/executors.hpp>
#include <coeval/futures/futures.hpp>
#include <coeval/multiprocessing/multiprocessing.hpp>
#include <coeval/pickle/pickle.hpp>
#include <coeval/threading/threading.hpp>
#include <coeval/version.hpp>
