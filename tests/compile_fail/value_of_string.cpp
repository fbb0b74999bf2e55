// expect: coeval::multiprocessing::Value: the bytes of the value must mean the same
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/value.hpp>

#include <string>

void test() {
  const coeval::multiprocessing::Value<std::string> name;
}
