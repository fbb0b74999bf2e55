// expect: coeval::parallel_sort: the range must have random access
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_sort.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <list>

void test(coeval::ThreadPoolExecutor& pool, std::list<int>& numbers) {
  coeval::parallel_sort(pool, numbers);
}
