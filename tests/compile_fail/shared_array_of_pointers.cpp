// expect: coeval::multiprocessing::SharedArray: the bytes of an element must mean the same
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/shared_array.hpp>

void test() {
  const coeval::multiprocessing::SharedArray<int*> pointers(3);
}
