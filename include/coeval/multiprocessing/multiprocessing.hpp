// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// All of coeval::multiprocessing: work in processes of their own.

#include <coeval/multiprocessing/array.hpp>
#include <coeval/multiprocessing/barrier.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/freeze_support.hpp>
#include <coeval/multiprocessing/listener.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/pool.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/multiprocessing/semaphore.hpp>
#include <coeval/multiprocessing/shared_array.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>
#include <coeval/multiprocessing/value.hpp>
