// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/exchange/crash_site.hpp"
#include "executors/processes/exchange/worker_ends.hpp"
#include "executors/processes/worker/group_signals.hpp"
#include "executors/processes/worker/worker_loop.hpp"

#include <coeval/core/system.hpp>

#include <fcntl.h>
#include <pthread.h>

#include <new>
#include <utility>

namespace coeval::detail {
namespace {

// When there is no memory the kernel kills the process with the most memory and the highest score: a
// worker with its task, and not the program with all of them. Where it cannot be set, /proc being
// read-only, the kernel chooses by memory alone.
void be_killed_before_the_program() noexcept {
  const int file = sys().descriptor.open("/proc/self/oom_score_adj", O_WRONLY, 0);
  if (file >= 0) {
    char highest[] = "1000";
    const iovec part{.iov_base = highest, .iov_len = sizeof highest - 1};
    sys().descriptor.write(file, &part, 1);
    sys().descriptor.close(file);
  }
}

}  // namespace

void run_worker(WorkerEnds ends) {
  be_killed_before_the_program();
  if (::pthread_atfork(nullptr, nullptr, &WorkerLoop::this_process_is_forked) != 0) {
    throw std::bad_alloc();
  }
  // Never destroyed: the thread that hears of stop requests uses it to the end.
  static WorkerLoop& loop = *new WorkerLoop(std::move(ends));
  note_crashes(loop.crash_site());
  answer_signals(loop.side());
  loop.serve();
}

}  // namespace coeval::detail
