// expect: deleted
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/function.hpp>

void test(const coeval::Function<void()>& function) {
  coeval::Function<void()> copy = function;
}
