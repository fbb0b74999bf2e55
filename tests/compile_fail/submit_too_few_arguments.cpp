// expect: coeval::submit: the function cannot be called with these arguments
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/inline_executor.hpp>

int add(int a, int b);

void test(coeval::InlineExecutor& pool) {
  pool.submit(add, 1);
}
