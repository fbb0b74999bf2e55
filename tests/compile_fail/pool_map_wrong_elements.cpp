// expect: coeval::multiprocessing::Pool::map: the function cannot be called with one element of the range
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/pool.hpp>

#include <string>
#include <vector>

int square(int n);

void test(coeval::multiprocessing::Pool& pool) {
  pool.map(square, std::vector<std::string>{"a"});
}
