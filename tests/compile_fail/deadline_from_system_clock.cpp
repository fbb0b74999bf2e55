// expect: deleted
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/deadline.hpp>

#include <chrono>

void wait(coeval::Deadline deadline);

void test() {
  wait(std::chrono::system_clock::now());
}
