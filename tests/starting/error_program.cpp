// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Starts a process, and tells the error if that cannot be: as a program, or as a plug-in of one.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>

extern "C" __attribute__((visibility("default"))) int start_one() {
  try {
    coeval::multiprocessing::Process process([] {});
    process.start();
    process.join();
    return process.exitcode().value_or(1);
  } catch (const std::exception& error) {
    std::puts(error.what());
    return 1;
  }
}

int main() {
  if (std::getenv("COEVAL_TEST_FREEZE_SUPPORT") != nullptr) {
    coeval::multiprocessing::freeze_support();
  }
  return start_one();
}
