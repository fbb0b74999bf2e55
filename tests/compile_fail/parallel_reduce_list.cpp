// expect: coeval::parallel_reduce: the range must have random access and a size
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_reduce.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <list>

int test(coeval::ThreadPoolExecutor& pool, const std::list<int>& numbers) {
  return coeval::parallel_reduce(pool, numbers, 0);
}
