// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// All of coeval::threading.

#include <coeval/threading/barrier.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/event.hpp>
#include <coeval/threading/excepthook.hpp>
#include <coeval/threading/local.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/rlock.hpp>
#include <coeval/threading/semaphore.hpp>
#include <coeval/threading/thread.hpp>
#include <coeval/threading/timer.hpp>
