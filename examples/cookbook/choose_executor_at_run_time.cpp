// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The way the work runs comes from the command line; the code that submits it does not change.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <string>
#include <vector>

int area(int width, int height) {
  return width * height;
}

void work(coeval::AnyExecutor pool) {
  const std::vector widths = {1, 2, 3};
  const std::vector heights = {10, 20, 30};
  for (const int result : pool.map(area, widths, heights)) {
    std::printf("%d ", result);
  }
  std::puts("");
}

int main(int argc, char** argv) {
  if (argc > 1) {
    work(coeval::make_executor(argv[1]));  // for example threads:8
    return 0;
  }
  work(coeval::make_executor("threads"));  // as many threads as the pool thinks best
  work(coeval::make_executor("threads:8"));
  work(coeval::make_executor("inline"));  // in this thread: to debug
  try {
    work(coeval::make_executor("fibres"));
  } catch (const coeval::ValueError&) {
    std::puts("there is no executor called fibres");
  }
}
