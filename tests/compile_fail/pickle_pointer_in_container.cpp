// expect: coeval::pickle: a pointer cannot cross to another process
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

#include <vector>

void test(const std::vector<int*>& pointers) {
  static_cast<void>(coeval::pickle::dumps(pointers));
}
