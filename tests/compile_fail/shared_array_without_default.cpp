// expect: coeval::multiprocessing::SharedArray: the elements have no default
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/shared_array.hpp>

struct Celsius {
  explicit Celsius(double degrees) : value(degrees) {}
  double value;
};

void test() {
  const coeval::multiprocessing::SharedArray<Celsius> temperatures(3);
}
