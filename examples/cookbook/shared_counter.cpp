// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Processes count together, and one of them dies while it does.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace multiprocessing = coeval::multiprocessing;

void visit(const multiprocessing::Value<int>& visitors) {
  for (int i = 0; i < 1000; ++i) {
    visitors.update([](int& n) { ++n; });  // read, change and write as one
  }
}

void die_at_work(const multiprocessing::Value<int>& visitors) {
  visitors.update([](int& n) {
    n = -1;  // half of something
    std::_Exit(1);
  });
}

int main() {
  const multiprocessing::Value<int> visitors;
  std::vector<multiprocessing::Process> processes;
  for (int i = 0; i < 4; ++i) {
    processes.emplace_back(visit, visitors).start();
  }
  for (multiprocessing::Process& process : processes) {
    process.join();
  }
  std::printf("visitors: %d\n", visitors.get());

  multiprocessing::Process last(die_at_work, visitors);
  last.start();
  last.join();
  try {
    visitors.set(0);
  } catch (const coeval::OwnerDied&) {
    std::puts("the count cannot be trusted");  // told once
    visitors.set(4000);
  }
  std::printf("visitors: %d\n", visitors.get());
}
