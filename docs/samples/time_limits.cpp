// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <stop_token>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

int slow() {
  std::this_thread::sleep_for(50ms);
  return 7;
}

// [spin]
void spin(std::stop_token stop) {
  while (!stop.stop_requested()) {
  }
}
// [spin]

void waiting() {
  coeval::ThreadPoolExecutor pool;
  // [wait]
  coeval::Future<int> future = pool.submit(slow);
  try {
    std::printf("%d\n", future.result(1ms));
  } catch (const coeval::TimeoutError&) {
    std::puts("not yet");  // the task goes on
  }
  std::printf("%d\n", future.result());
  // [wait]
  EXPECT(future.result() == 7);
}

// [deaf]
void wait_for_an_answer() {  // that never comes
  while (true) {
    std::this_thread::sleep_for(1s);
  }
}
// [deaf]

void killed() {
  bool ended = false;
  // [kill]
  coeval::ProcessPoolExecutor processes({.max_workers = 2});
  const auto future = processes.with({.timeout = 100ms}).submit(wait_for_an_answer);
  try {
    future.result();
  } catch (const coeval::TimeoutError& error) {
    std::puts(error.what());  // … did not end within its timeout of 100 ms; its process was ended
    ended = true;
  }
  // [kill]
  EXPECT(ended);
}

void without_exceptions() {
  coeval::ThreadPoolExecutor pool;
  coeval::Future<int> future = pool.submit(slow);
  // [poll]
  if (future.wait(10s)) {
    std::printf("%d\n", future.result());
  }
  // [poll]
  EXPECT(future.done());
}

void one_for_all() {
  coeval::ThreadPoolExecutor pool;
  const std::vector futures = {pool.submit(slow), pool.submit(slow)};
  // [deadline]
  const coeval::Deadline deadline = 10s;  // counted from here
  for (const coeval::Future<int>& future : futures) {
    future.result(deadline);
  }
  // [deadline]
}

void running() {
  coeval::ThreadPoolExecutor pool;
  // [task]
  coeval::Future<void> future = pool.with({.name = "spin", .timeout = 20ms}).submit(spin);
  try {
    future.result();
  } catch (const coeval::TimeoutError& error) {
    std::puts(error.what());  // task 'spin' ran longer than its timeout of 0.02 s; …
  }
  // [task]
  EXPECT(future.exception() != nullptr);
}

void mapping() {
  coeval::ThreadPoolExecutor pool;
  const std::vector<int> numbers = {1, 2, 3};
  const auto square = [](int n) { return n * n; };
  int sum = 0;
  // [map]
  for (int each : pool.map({.timeout = 30s}, square, numbers)) {
    sum += each;
  }
  // [map]
  EXPECT(sum == 14);
}

int main() {
  waiting();
  killed();
  without_exceptions();
  one_for_all();
  running();
  mapping();
}
