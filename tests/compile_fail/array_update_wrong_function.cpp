// expect: coeval::multiprocessing::Array::update: the function cannot be called
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/array.hpp>

void test() {
  const coeval::multiprocessing::Array<int> numbers(3);
  numbers.update([](int& n) { ++n; });
}
