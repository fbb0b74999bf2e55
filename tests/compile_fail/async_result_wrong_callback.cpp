// expect: coeval::multiprocessing::AsyncResult::add_callback: the function cannot be called with the result
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/pool.hpp>

#include <string>

int square(int n);

void test(coeval::multiprocessing::Pool& pool) {
  pool.apply_async(square, 3).add_callback([](const std::string&) {});
}
