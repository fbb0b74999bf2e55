// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A thread of one's own, and who hears of the exception that ends it.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <stdexcept>

using namespace coeval;

void patrol(int rounds) {
  std::printf("%s: %d rounds\n", threading::current_thread().name().c_str(), rounds);
  throw std::runtime_error("met a bear");
}

int main() {
  threading::set_excepthook([](const threading::ExceptHookArgs& args) {
    std::printf("%s ended: %s\n", args.thread.name().c_str(), describe(args.exception).c_str());
  });

  threading::Thread guard({.name = "guard"}, patrol, 3);
  guard.start();
  guard.join();
  std::printf("alive: %s\n", guard.is_alive() ? "yes" : "no");
}
