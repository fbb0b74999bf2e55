// expect: coeval::ProcessPoolExecutor::submit: the result cannot be pickled
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/pool.hpp>

int* find(int n);

void test(coeval::multiprocessing::Pool& pool) {
  pool.apply_async(find, 3);
}
