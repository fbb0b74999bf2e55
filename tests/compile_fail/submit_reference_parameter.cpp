// expect: so a parameter cannot be a non-const reference (use std::ref)
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

void increment(int& number);

void test(coeval::ThreadPoolExecutor& pool, int number) {
  pool.submit(increment, number);
}
