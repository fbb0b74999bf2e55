// expect: coeval::multiprocessing::Pool::starmap: the elements of the range must be tuples, pairs or arrays
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/pool.hpp>

#include <vector>

int square(int n);

void test(coeval::multiprocessing::Pool& pool) {
  pool.starmap(square, std::vector{1, 2, 3});
}
