// expect: coeval::Future::then: the function cannot be called with the result of this future
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/future.hpp>

void test(const coeval::Future<int>& future) {
  future.then([](const char*) {});
}
