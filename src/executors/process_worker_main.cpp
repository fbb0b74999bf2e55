// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/process_worker_main.hpp"

#include "executors/process_crash.hpp"

#include <pthread.h>
#include <signal.h>

#include <new>
#include <utility>

namespace coeval::detail {

// Ctrl-C is for the program, which decides what becomes of its workers.
void run_worker(WorkerEnds ends) {
  ::signal(SIGINT, SIG_IGN);
  if (::pthread_atfork(nullptr, nullptr, &WorkerLoop::this_process_is_forked) != 0) {
    throw std::bad_alloc();
  }
  // Never destroyed: the thread that hears of stop requests uses it to the end.
  static WorkerLoop& loop = *new WorkerLoop(std::move(ends));
  note_crashes(loop.crash_site());
  loop.serve();
}

}  // namespace coeval::detail
