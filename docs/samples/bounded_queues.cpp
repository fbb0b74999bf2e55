// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <cstdio>
#include <optional>
#include <ranges>

void work(int) {}

void block() {
  // [block]
  coeval::ThreadPoolExecutor pool({.max_workers = 4, .max_queue = 100});
  for (int n = 0; n < 10'000; ++n) {
    pool.submit(work, n);  // waits while 100 tasks wait
  }
  // [block]
}

void fail() {
  coeval::threading::Event go;
  // [fail]
  coeval::ThreadPoolExecutor pool(
      {.max_workers = 1, .max_queue = 1, .when_full = coeval::WhenFull::fail});
  // [fail]
  const auto first = pool.submit([&go] { go.wait(); });
  while (!first.running()) {
    // until the worker has it, and the queue is empty again
  }
  pool.submit(work, 1);
  bool full = false;
  // [full]
  try {
    pool.submit(work, 2);
  } catch (const coeval::QueueFull&) {
    std::puts("busy, try again later");
    full = true;
  }
  // [full]
  EXPECT(full);
  // [try]
  std::optional<coeval::Future<void>> taken = pool.try_submit(work, 2);
  if (!taken) {
    std::puts("busy, try again later");
  }
  // [try]
  EXPECT(!taken);
  go.set();
}

void map() {
  coeval::ThreadPoolExecutor pool({.max_workers = 2});
  long sum = 0;
  // [map]
  const auto square = [](long n) { return n * n; };
  for (long each : pool.map({.buffersize = 64}, square, std::views::iota(0L))) {  // no end
    if (each > 1'000'000) {
      break;  // cancels what was submitted ahead
    }
    sum += each;
  }
  // [map]
  EXPECT(sum > 0);
}

int main() {
  block();
  fail();
  map();
}
