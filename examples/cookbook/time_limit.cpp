// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Two limits: how long a caller waits for a result, and how long a task may run.

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <stop_token>
#include <string>
#include <thread>

using namespace std::chrono_literals;

std::string answer_after(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
  return "the answer";
}

// Looks at its stop token, as a task must that shall be ended: a thread cannot be killed.
long count_for_ever(std::stop_token stop) {
  long n = 0;
  while (!stop.stop_requested()) {
    ++n;
  }
  return n;
}

int main() {
  coeval::ThreadPoolExecutor pool;

  const coeval::Future<std::string> slow = pool.submit(answer_after, 500ms);
  try {
    slow.result(10ms);
  } catch (const coeval::TimeoutError&) {
    std::puts("not yet");  // the task goes on
  }
  std::puts(slow.result().c_str());

  const auto endless = pool.with({.name = "endless", .timeout = 50ms}).submit(count_for_ever);
  try {
    endless.result();
  } catch (const coeval::TimeoutError&) {
    std::puts("ran too long");  // and was told to stop
  }
}
