// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

long compute(long n) {
  return n * n;
}

void defaults() {
  // [ask]
  std::printf("the mask allows %d processors, the quota the time of %g: %d threads can compute\n",
              coeval::process_cpu_count(), coeval::cpu_quota(), coeval::usable_cpu_count());
  // [ask]
  EXPECT(coeval::usable_cpu_count() >= 1);
  EXPECT(coeval::usable_cpu_count() <= coeval::process_cpu_count());
  EXPECT(coeval::usable_cpu_count() <= std::ceil(coeval::cpu_quota()));
}

void limit() {
  const std::vector<long> inputs = {1, 2, 3};
  // [limit]
  coeval::ThreadPoolExecutor computing({.max_workers = coeval::usable_cpu_count()});
  const std::vector<long> results = coeval::list(computing.map(compute, inputs));
  // [limit]
  EXPECT((results == std::vector<long>{1, 4, 9}));
}

void pin_a_pool() {
  // [pool]
  coeval::ThreadPoolExecutor computing(
      {.max_workers = coeval::usable_cpu_count(), .pin_workers = true});
  // [pool]
  const std::vector<int> there = computing.submit(coeval::process_cpus).result();
  EXPECT(there == std::vector<int>{coeval::process_cpus().front()});
}

void pin_a_thread() {
  bool pinned = false;
  // [thread]
  const int last = coeval::process_cpus().back();
  coeval::threading::Thread clock({.name = "clock"}, [&pinned, last] {
    pinned = coeval::pin_this_thread(last) == 0;  // otherwise it runs anywhere
  });
  clock.start();
  clock.join();
  // [thread]
  EXPECT(pinned);
}

void leave_one_free() {
  // [initializer]
  std::vector<int> own = coeval::process_cpus();
  if (own.size() > 1) {
    own.erase(own.begin());  // the first is for the thread that answers requests
  }
  std::atomic<std::size_t> next = 0;
  coeval::ThreadPoolExecutor computing({.max_workers = static_cast<int>(own.size())},
                                       [&] { coeval::pin_this_thread(own[next++ % own.size()]); });
  // [initializer]
  EXPECT(computing.submit(coeval::process_cpu_count).result() == 1);
}

int main() {
  defaults();
  limit();
  pin_a_pool();
  pin_a_thread();
  leave_one_free();
}
