// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

// [includes]
#include <coeval/coeval.hpp>

using namespace std::chrono_literals;
// [includes]

#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

// [function]
int area(int width, int height) {
  if (width < 0 || height < 0) {
    throw std::invalid_argument("a side is negative");
  }
  return width * height;
}
// [function]

void submit_and_result() {
  // [submit]
  coeval::ThreadPoolExecutor pool;
  coeval::Future<int> future = pool.submit(area, 6, 7);
  std::printf("%d\n", future.result());  // waits, then prints 42
  // [submit]
  EXPECT(future.result() == 42);
}

void exceptions() {
  coeval::ThreadPoolExecutor pool;
  // [exception]
  coeval::Future<int> wrong = pool.submit(area, -1, 7);
  try {
    wrong.result();
  } catch (const std::invalid_argument& error) {
    std::printf("%s\n", error.what());  // a side is negative
  }
  // [exception]
  EXPECT(wrong.exception() != nullptr);
}

void map() {
  coeval::ThreadPoolExecutor pool;
  // [map]
  const std::vector<int> widths = {1, 2, 3};
  const std::vector<int> heights = {4, 5, 6};
  for (int each : pool.map(area, widths, heights)) {
    std::printf("%d\n", each);  // 4, 10, 18
  }
  const std::vector<int> areas = coeval::list(pool.map(area, widths, heights));
  // [map]
  EXPECT((areas == std::vector{4, 10, 18}));
}

void several() {
  coeval::ThreadPoolExecutor pool;
  int sum = 0;
  // [several]
  std::vector<coeval::Future<int>> futures;
  for (int n = 1; n <= 3; ++n) {
    futures.push_back(pool.submit(area, n, n));
  }
  for (coeval::Future<int> future : coeval::as_completed(futures, 10s)) {
    sum += future.result();
  }
  // [several]
  EXPECT(sum == 14);
}

void then() {
  coeval::ThreadPoolExecutor pool;
  // [then]
  coeval::Future<std::string> text =
      pool.submit(area, 6, 7).then([](int n) { return "the area is " + std::to_string(n); });
  // [then]
  EXPECT(text.result() == "the area is 42");
}

void processes() {
  // [processes]
  coeval::ProcessPoolExecutor processes({.max_workers = 2});
  coeval::Future<int> elsewhere = processes.submit(area, 6, 7);
  std::printf("%d\n", elsewhere.result());  // 42, from another process
  // [processes]
  EXPECT(elsewhere.result() == 42);
}

int main() {
  submit_and_result();
  exceptions();
  map();
  several();
  then();
  processes();
}
