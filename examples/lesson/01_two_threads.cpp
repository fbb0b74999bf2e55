// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The lesson's first program: two threads. It takes two seconds, not three.

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using coeval::threading::Thread;

void worker(const char* name, std::chrono::seconds delay) {
  std::this_thread::sleep_for(delay);
  std::printf("%s done\n", name);
}

int main() {
  Thread t1(worker, "A", 1s);
  Thread t2(worker, "B", 2s);

  t1.start();
  t2.start();
  t1.join();
  t2.join();  // wait for both
  std::puts("All done");
}
