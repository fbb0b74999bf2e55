// expect: coeval::pickle: a std::shared_ptr cannot share with another process
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

#include <memory>

void test(const std::shared_ptr<int>& shared) {
  static_cast<void>(coeval::pickle::dumps(shared));
}
