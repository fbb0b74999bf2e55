// expect: coeval::submit: the function cannot be called with these arguments
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

#include <string>

int length(const std::string& text);

void test(coeval::ThreadPoolExecutor& pool) {
  pool.submit(length, 42);
}
