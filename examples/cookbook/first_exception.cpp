// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Several steps that all must succeed: as soon as one fails, the rest need not begin.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

void check(const std::string& file) {
  if (file == "b.txt") {
    throw std::runtime_error(file + " is damaged");
  }
}

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = 2});
  std::vector<coeval::Future<void>> checks;
  for (const char* file : {"a.txt", "b.txt", "c.txt"}) {
    checks.push_back(pool.submit(check, file));
  }

  const auto [done, not_done] = coeval::wait(checks, coeval::ReturnWhen::first_exception);
  for (auto future : not_done) {
    future.cancel();  // without effect on one that runs already
  }
  for (const auto& future : done) {
    if (const std::exception_ptr error = future.exception()) {
      std::printf("stopped: %s\n", coeval::describe(error).c_str());
    }
  }
}
