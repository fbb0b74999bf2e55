// expect: result
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/any_future.hpp>

void test(const coeval::AnyFuture& future) {
  future.result();
}
