// expect: coeval::pickle: a pointer cannot cross to another process
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

struct Named {
  int number;
  const char* name;
};

void test(const Named& value) {
  static_cast<void>(coeval::pickle::dumps(value));
}
