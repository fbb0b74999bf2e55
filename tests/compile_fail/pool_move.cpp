// expect: deleted
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

#include <utility>

void test(coeval::ThreadPoolExecutor& pool) {
  coeval::ThreadPoolExecutor moved(std::move(pool));
}
