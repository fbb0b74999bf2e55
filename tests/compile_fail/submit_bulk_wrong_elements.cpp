// expect: coeval::submit_bulk: the function cannot be called with one element of each range
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

#include <string>
#include <vector>

int length(const std::string& text);

void test(coeval::ThreadPoolExecutor& pool) {
  pool.submit_bulk(length, std::vector<int>{1});
}
