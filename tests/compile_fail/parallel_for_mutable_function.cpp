// expect: coeval::parallel_for: the function cannot be called with an index
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

void test(coeval::ThreadPoolExecutor& pool) {
  coeval::parallel_for(pool, 0, 10, [sum = 0](int n) mutable { sum += n; });
}
