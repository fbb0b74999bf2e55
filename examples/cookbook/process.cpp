// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A function in a process of its own: what it does to memory is its own affair, and a crash is an
// exit code.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace multiprocessing = coeval::multiprocessing;

struct Job {
  std::string file;
  std::vector<int> pages;
};

void count(multiprocessing::Connection parent) {
  try {
    while (true) {
      const auto job = parent.recv<Job>();
      parent.send(job.file + " has " + std::to_string(job.pages.size()) + " pages");
    }
  } catch (const coeval::EOFError&) {
    return;  // the parent has closed its end
  }
}

int main() {
  auto [here, there] = multiprocessing::Pipe();
  multiprocessing::Process counter({.name = "counter"}, count, std::move(there));
  counter.start();
  here.send(Job{"letter.txt", {1}});
  std::puts(here.recv<std::string>().c_str());
  here.send(Job{"novel.txt", {1, 2, 3}});
  std::puts(here.recv<std::string>().c_str());
  here.close();
  counter.join();
  std::printf("%s ended with %d\n", counter.name().c_str(), counter.exitcode().value());

  multiprocessing::Process crash([] { std::abort(); });
  crash.start();
  crash.join();
  std::printf("the crash: %d\n", crash.exitcode().value());
}
