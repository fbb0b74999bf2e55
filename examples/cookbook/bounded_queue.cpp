// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A pool that takes no more than it can hold. Here it refuses; by default whoever submits faster
// than the workers work waits.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <functional>
#include <vector>

using coeval::threading::Event;

int work(Event& begun, Event& go, int n) {
  begun.set();
  go.wait();
  return n * n;
}

int main() {
  Event begun;
  Event go;
  coeval::ThreadPoolExecutor pool(
      {.max_workers = 1, .max_queue = 2, .when_full = coeval::WhenFull::fail});
  const auto submit = [&](int n) { return pool.submit(work, std::ref(begun), std::ref(go), n); };

  std::vector futures = {submit(1)};
  begun.wait();  // the worker has it, so the queue is empty
  futures.push_back(submit(2));
  futures.push_back(submit(3));
  try {
    submit(4);
  } catch (const coeval::QueueFull&) {
    std::puts("the queue is full");
  }

  go.set();
  for (const auto& future : futures) {
    std::printf("%d\n", future.result());
  }
}
