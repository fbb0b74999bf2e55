// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What to do with a result when it is there, without a thread that waits for it.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>

std::string read_number(const std::string& file) {
  if (file == "missing.txt") {
    throw std::runtime_error("there is no missing.txt");
  }
  return "42";
}

int main() {
  coeval::ThreadPoolExecutor pool;

  // then: a future of what comes out in the end.
  const coeval::Future<int> twice =
      pool.submit(read_number, "number.txt")
          .then([](const std::string& text) { return std::stoi(text); })
          .then(pool, [](int n) { return 2 * n; });  // this step as a task of the pool
  std::printf("twice the number: %d\n", twice.result());

  // An exception passes the steps by and arrives at the end.
  const auto failed = pool.submit(read_number, "missing.txt").then([](const std::string&) {
    std::puts("never reached");
  });
  try {
    failed.result();
  } catch (const std::exception& error) {
    std::printf("failed: %s\n", error.what());
  }

  // add_done_callback: told of the end, however it was.
  pool.submit(read_number, "missing.txt").add_done_callback([](coeval::Future<std::string> f) {
    std::printf("callback: %s\n", f.exception() ? "it failed" : f.result().c_str());
  });
}
