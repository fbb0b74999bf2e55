// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Leaving while tasks still wait in the queue: those are cancelled, what runs is waited for.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <functional>
#include <vector>

using coeval::threading::Event;

int work(Event& begun, Event& go) {
  begun.set();
  go.wait();
  return 1;
}

int main() {
  Event begun;
  Event go;
  coeval::ThreadPoolExecutor pool({.max_workers = 1});
  std::vector<coeval::Future<int>> futures;
  for (int i = 0; i < 3; ++i) {
    futures.push_back(pool.submit(work, std::ref(begun), std::ref(go)));
  }
  begun.wait();

  pool.shutdown({.wait = false, .cancel_futures = true});
  go.set();
  for (const auto& future : futures) {
    try {
      std::printf("%d\n", future.result());
    } catch (const coeval::CancelledError&) {
      std::puts("cancelled");
    }
  }
  try {
    pool.submit(work, std::ref(begun), std::ref(go));
  } catch (const coeval::RuntimeError&) {
    std::puts("the pool takes no more");
  }
}
