// expect: deleted
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/promise.hpp>

void test(const coeval::Promise<int>& promise) {
  coeval::Promise<int> copy = promise;
}
