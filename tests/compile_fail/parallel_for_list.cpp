// expect: coeval::parallel_for: the range must have random access and a size
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <list>

void test(coeval::ThreadPoolExecutor& pool, std::list<int>& numbers) {
  coeval::parallel_for(pool, numbers, [](int& n) { ++n; });
}
