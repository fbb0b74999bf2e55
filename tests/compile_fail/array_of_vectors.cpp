// expect: coeval::multiprocessing::Array: the bytes of an element must mean the same
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/array.hpp>

#include <vector>

void test() {
  const coeval::multiprocessing::Array<std::vector<int>> rows(3);
}
