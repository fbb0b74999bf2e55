// expect: set_result
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/promise.hpp>

void test(coeval::Promise<int>& promise) {
  promise.set_result("text");
}
