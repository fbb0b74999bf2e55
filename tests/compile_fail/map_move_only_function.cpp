// expect: coeval::map: the function is copied into each task, so it must be copyable
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

#include <memory>
#include <vector>

void test(coeval::ThreadPoolExecutor& pool, const std::vector<int>& numbers) {
  pool.map([box = std::make_unique<int>(1)](int n) { return *box + n; }, numbers);
}
