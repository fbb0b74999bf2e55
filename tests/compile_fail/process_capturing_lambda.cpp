// expect: coeval::multiprocessing::Process: a lambda that captures cannot cross to another process
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/process.hpp>

void test(int n) {
  const coeval::multiprocessing::Process process([n] { static_cast<void>(n); });
}
