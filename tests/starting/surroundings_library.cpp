// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "starting/surroundings_library.hpp"

#include <unistd.h>

#include <cstdlib>

extern "C" {

void library_end_with_seven() {
  ::_exit(7);
}

int library_twice(int n) {
  return 2 * n;
}

void library_initialize() {}

int library_crash(int n) {
  std::abort();
  return n;
}
}
