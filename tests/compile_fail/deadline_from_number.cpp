// expect: Deadline
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/deadline.hpp>

void wait(coeval::Deadline deadline);

void test() {
  wait(5);
}
