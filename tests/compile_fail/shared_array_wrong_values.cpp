// expect: coeval::multiprocessing::SharedArray: the values of the range cannot be converted
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/shared_array.hpp>

#include <string>
#include <vector>

void test() {
  const coeval::multiprocessing::SharedArray<int> numbers(std::vector<std::string>(3));
}
