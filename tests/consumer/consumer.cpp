// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A program outside the project: it uses a pool, and checks that it runs with the expected version.

#include <coeval/coeval.hpp>

#include <iostream>
#include <string_view>

int main(int argc, char** argv) {
  const std::string_view version = coeval::coeval_version();
  if (argc != 2 || version != argv[1]) {
    std::cerr << "runs with coeval " << version << ", not with the expected version\n";
    return 1;
  }
  coeval::ThreadPoolExecutor pool({.max_workers = 2});
  const int answer = pool.submit([](int n) { return n * 2; }, 21).result();
  std::cout << "coeval " << version << ": " << answer << "\n";
  return answer == 42 ? 0 : 1;
}
