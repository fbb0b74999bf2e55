// expect: coeval::multiprocessing::Process: an argument cannot be pickled
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/process.hpp>

void target(int* pointer);

void test(int n) {
  const coeval::multiprocessing::Process process(target, &n);
}
