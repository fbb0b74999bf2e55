// expect: coeval::map: the function cannot be called with one element of each range
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

#include <string>
#include <vector>

int square(int n);

void test(coeval::ThreadPoolExecutor& pool, const std::vector<std::string>& words) {
  pool.map(square, words);
}
