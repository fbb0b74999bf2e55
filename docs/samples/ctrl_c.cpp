// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <ranges>
#include <thread>

using namespace std::chrono_literals;

// [handler]
std::atomic<bool> interrupted{false};

void on_ctrl_c(int) {
  interrupted = true;
  std::signal(SIGINT, SIG_DFL);  // the second Ctrl-C ends the program at once
}
// [handler]

int convert(int number) {
  return 2 * number;
}

int take_long(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
  return 1;
}

int kept = 0;
void keep(int) {
  if (++kept == 100) {
    std::raise(SIGINT);  // somebody presses Ctrl-C
  }
}

void leave_a_loop() {
  coeval::ProcessPoolExecutor pool({.max_workers = 2});
  const auto numbers = std::views::iota(0);
  // [loop]
  std::signal(SIGINT, on_ctrl_c);
  for (const int result : pool.map(convert, numbers)) {
    keep(result);
    if (interrupted) {
      break;  // cancels what was submitted ahead
    }
  }
  // [loop]
  EXPECT(kept == 100);
}

void leave_a_wait() {
  interrupted = false;
  coeval::ProcessPoolExecutor pool({.max_workers = 1});
  coeval::Future<int> future = pool.submit(take_long, 1h);
  std::signal(SIGINT, on_ctrl_c);
  std::raise(SIGINT);
  // [wait]
  while (!future.wait(100ms)) {
    if (interrupted) {
      future.stop();  // ends its process, as the function takes no std::stop_token
    }
  }
  // [wait]
  bool was_stopped = false;
  try {
    future.result();
  } catch (const coeval::CancelledError&) {
    was_stopped = true;
  }
  EXPECT(was_stopped);
}

int main() {
  leave_a_loop();
  leave_a_wait();
}
