// expect: coeval::TaskGroup::run: the function must be callable without arguments
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/task_group.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

void test(coeval::ThreadPoolExecutor& pool) {
  coeval::TaskGroup group(pool);
  group.run([](int n) { return n; });
}
