// expect: coeval::pickle: a pointer cannot cross to another process, nor a reference
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

void test(const coeval::pickle::Bytes& bytes) {
  static_cast<void>(coeval::pickle::loads<int&>(bytes));
}
