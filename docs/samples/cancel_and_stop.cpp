// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;

void cancel() {
  coeval::threading::Event go;
  coeval::ThreadPoolExecutor pool({.max_workers = 1});
  const auto busy = pool.submit([&go] { go.wait(); });
  // [cancel]
  coeval::Future<int> queued = pool.submit([] { return 1; });
  if (queued.cancel()) {
    // It never runs. queued.done() and queued.cancelled() are true from here on.
  }
  // [cancel]
  EXPECT(queued.cancelled() && queued.done());
  go.set();
}

// [stoppable]
int count_primes(std::stop_token stop, int below) {
  int found = 0;
  for (int n = 2; n < below && !stop.stop_requested(); ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n; ++d) {
      prime = prime && n % d != 0;
    }
    found += prime ? 1 : 0;
  }
  return found;
}
// [stoppable]

void stop() {
  coeval::ThreadPoolExecutor pool;
  // [stop]
  coeval::Future<int> primes = pool.submit(count_primes, 2'000'000'000);
  primes.stop();
  // [stop]
  primes.wait();
}

// [sleep]
void sleep_until_stopped(std::stop_token stop, std::chrono::milliseconds at_most) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, at_most, [] { return false; });
}
// [sleep]

void sleeping() {
  coeval::ThreadPoolExecutor pool;
  const auto sleeper = pool.submit(sleep_until_stopped, 60'000ms);
  sleeper.stop();
  sleeper.wait();
}

// [deaf]
int never_ends() {
  std::this_thread::sleep_for(24h);
  return 0;
}
// [deaf]

void kill() {
  bool ended = false;
  coeval::ProcessPoolExecutor processes({.max_workers = 2});
  // [kill]
  coeval::Future<int> stuck = processes.submit(never_ends);
  stuck.stop();  // SIGTERM for its process, and SIGKILL a second later
  try {
    stuck.result();
  } catch (const coeval::CancelledError&) {
    std::puts("it is gone, and another process has taken its place");
    ended = true;
  }
  // [kill]
  EXPECT(ended);
}

void shut_down() {
  coeval::ThreadPoolExecutor pool;
  // [shutdown]
  pool.shutdown({.wait = false, .cancel_futures = true});
  // [shutdown]
}

int main() {
  cancel();
  stop();
  sleeping();
  kill();
  shut_down();
}
