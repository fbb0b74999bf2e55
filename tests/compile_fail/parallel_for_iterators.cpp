// expect: coeval::parallel_for: first and last must be integers
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <vector>

void test(coeval::ThreadPoolExecutor& pool, std::vector<int>& numbers) {
  coeval::parallel_for(pool, numbers.begin(), numbers.end(), [](int& n) { ++n; });
}
