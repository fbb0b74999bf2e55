// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace coeval {

// How a task is to run: pool.with({.name = "decode", .timeout = 2s, .priority = 1}).submit(…).
struct TaskOptions {
  // What errors, logs and observers call the task.
  std::string name = {};

  // The time that the function may run, counted from its start; zero: no limit. When it is over the
  // future raises TimeoutError and the task's stop_token asks it to end. A thread cannot be killed:
  // a function that does not look at its stop_token goes on, and occupies its worker until it
  // returns. A process can: it is told to end, by the stop_token or SIGTERM, and killed if that does
  // not help; the future is done when it is gone.
  std::chrono::nanoseconds timeout = std::chrono::nanoseconds::zero();

  // Queued tasks of a higher priority start first, equal ones in the order of their submission.
  // What a worker submits itself, with priority 0, may start before what comes from outside.
  int priority = 0;

  // How often the task is begun anew, in another process, when the one that ran it died or had no
  // more memory for it: for a function that may be called twice. Then the future raises WorkerDied,
  // or std::bad_alloc. In threads it means nothing.
  int max_retries = 0;
};

}  // namespace coeval
