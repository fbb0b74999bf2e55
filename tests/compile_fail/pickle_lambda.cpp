// expect: functions and lambdas cross as the target of a Process only
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

void test(int n) {
  static_cast<void>(coeval::pickle::dumps([n] { return n; }));
}
