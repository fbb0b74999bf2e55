// expect: coeval::multiprocessing::Value::update: the function cannot be called
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/value.hpp>

void test() {
  const coeval::multiprocessing::Value<int> number;
  number.update([](int*) {});
}
