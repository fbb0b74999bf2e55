// expect: coeval::ProcessPoolExecutor::submit: a lambda that captures cannot cross to another process
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/process_pool_executor.hpp>

void test(coeval::ProcessPoolExecutor& pool, int n) {
  pool.submit([n] { return n; });
}
