// expect: coeval::Future::add_done_callback: the function cannot be called with the future
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/future.hpp>

void test(const coeval::Future<int>& future) {
  future.add_done_callback([](const char*) {});
}
