// expect: coeval::ProcessPoolExecutor::submit: an argument cannot be pickled
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/process_pool_executor.hpp>

int target(int* pointer);

void test(coeval::ProcessPoolExecutor& pool, int n) {
  pool.submit(target, &n);
}
