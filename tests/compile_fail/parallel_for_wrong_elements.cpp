// expect: coeval::parallel_for: the function cannot be called with an element of the range
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <string>
#include <vector>

void test(coeval::ThreadPoolExecutor& pool, std::vector<int>& numbers) {
  coeval::parallel_for(pool, {.grain = 1}, numbers, [](std::string&) {});
}
