// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/scenarios.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::CancelledError;
using coeval::FileDescriptor;
using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::TimeoutError;
using coeval::WorkerDied;
using coeval::multiprocessing::SharedMemory;
using coeval::testing::require;
using coeval::testing::WrongResult;

template <class Error, class T>
void require_error(const Future<T>& future, const char* what) {
  try {
    static_cast<void>(future.result());
  } catch (const Error&) {
    return;
  }
  throw WrongResult(what);
}

int twice(int n) {
  return 2 * n;
}
std::string echo(const std::string& text) {
  return text;
}

// The threads that ask for results collect them.
void values() {
  PoolAndTasks<int> tasks({.max_workers = 1});
  for (int i = 0; i < 5; ++i) {
    tasks.submit(twice, i);
  }
  for (int i = 0; i < 5; ++i) {
    require(tasks[static_cast<std::size_t>(i)].result() == 2 * i, "the result of a task");
  }
}

// The manager collects them, and more than one worker is there.
void collected_by_the_manager() {
  PoolAndTasks<int> tasks({.max_workers = 2});
  for (int i = 0; i < 30; ++i) {
    tasks.submit(twice, i);
  }
  tasks.pool().shutdown();
  for (int i = 0; i < 30; ++i) {
    require(tasks[static_cast<std::size_t>(i)].result(0s) == 2 * i, "a result after shutdown");
  }
}

void map() {
  ProcessPoolExecutor pool({.max_workers = 1});
  int expected = 0;
  std::vector<int> inputs(50);
  for (int& input : inputs) {
    input = expected++;
  }
  expected = 0;
  for (const int result : pool.map(twice, inputs)) {
    require(result == 2 * expected++, "a result of map");
  }
  require(expected == 50, "the number of results of map");
}

// By buffers both ways, which are used again, and more results at a time than a box has room for.
void large() {
  PoolAndTasks<std::string> tasks({.max_workers = 1});
  const std::string text(300'000, 'x');
  for (int i = 0; i < 3; ++i) {
    tasks.submit(echo, text + std::to_string(i));
    require(tasks[static_cast<std::size_t>(i)].result() == text + std::to_string(i),
            "a large result");
  }
  const std::string smaller(60'000, 'y');
  for (int i = 0; i < 8; ++i) {
    tasks.submit(echo, smaller + std::to_string(i));
  }
  for (int i = 0; i < 8; ++i) {
    require(tasks[static_cast<std::size_t>(3 + i)].result() == smaller + std::to_string(i),
            "one of many large results");
  }
}

FileDescriptor pass_on(FileDescriptor file, const SharedMemory& memory) {
  memory.data()[0] = std::byte{7};
  require(::write(file.get(), "x", 1) == 1, "a write to a descriptor that travelled");
  return file;
}

void handles() {
  PoolAndTasks<FileDescriptor> tasks({.max_workers = 1});
  const SharedMemory memory(100);
  for (int i = 0; i < 2; ++i) {
    tasks.submit(pass_on, FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)), memory);
  }
  for (Future<FileDescriptor> future : tasks.futures()) {
    require(static_cast<bool>(future.take()), "a descriptor that came back");
  }
  require(memory.data()[0] == std::byte{7}, "what a worker wrote");
}

int die_or_twice(bool dies, int n) {
  if (dies) {
    ::raise(SIGKILL);
  }
  return 2 * n;
}

void death() {
  PoolAndTasks<int> tasks({.max_workers = 1});
  tasks.submit(die_or_twice, false, 1);
  tasks.submit(die_or_twice, true, 2);
  tasks.submit_by(tasks.pool().with({.max_retries = 1}), die_or_twice, true, 3);
  tasks.submit(die_or_twice, false, 4);
  coeval::wait(tasks.futures());
  require(tasks[0].result() == 2, "the result before a death");
  require_error<WorkerDied>(tasks[1], "the future of a task that died");
  require_error<WorkerDied>(tasks[2], "the future of a task that died twice");
  require(tasks[3].result() == 8, "the result after a death");
}

// Neither the stop_token nor SIGTERM ends it.
int stay(const std::stop_token& /*stop*/) {
  ::signal(SIGTERM, SIG_IGN);
  while (true) {
    ::pause();
  }
}
int wait_for_the_request(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::yield();
  }
  return 1;
}

void timeout() {
  PoolAndTasks<int> tasks({.max_workers = 1, .grace = 1ms});
  tasks.submit_by(tasks.pool().with({.timeout = 1ms}), stay);
  tasks.submit(twice, 4);
  require_error<TimeoutError>(tasks[0], "the future of a task that was killed");
  require(tasks[1].result() == 8, "the result after a timeout");
}

void stop() {
  PoolAndTasks<int> tasks({.max_workers = 1, .grace = 1ms});
  tasks.submit(wait_for_the_request);
  while (!tasks[0].running() && !tasks[0].done()) {
    std::this_thread::yield();
  }
  tasks[0].stop();
  require(tasks[0].result() == 1, "the result of a task that was asked to stop");
  tasks.submit([] {
    ::pause();
    return 1;
  });
  while (!tasks[1].running() && !tasks[1].done()) {
    std::this_thread::yield();
  }
  tasks[1].stop();
  require_error<CancelledError>(tasks[1], "the future of a task that was stopped");
}

void shutdown_that_cancels() {
  PoolAndTasks<int> tasks({.max_workers = 1});
  tasks.submit(twice, 1);
  require(tasks[0].result() == 2, "the result of a task");
  for (int i = 0; i < 40; ++i) {
    tasks.submit_by(tasks.pool().with({.priority = i % 3}), twice, i);
  }
  tasks.pool().shutdown({.cancel_futures = true});
  for (const Future<int>& future : tasks.futures()) {
    require(future.done(), "a future after a shutdown that cancels");
    if (!future.cancelled()) {
      static_cast<void>(future.result());
    }
  }
}

void initialize(const std::string& text) {
  require(text == "for each worker", "the argument of an initializer");
}

void replaced_workers() {
  PoolAndTasks<int> tasks({.max_workers = 2, .max_tasks_per_child = 2, .max_queue = 3}, initialize,
                          std::string("for each worker"));
  for (int i = 0; i < 6; ++i) {
    tasks.submit(twice, i);
  }
  for (int i = 0; i < 6; ++i) {
    require(tasks[static_cast<std::size_t>(i)].result() == 2 * i,
            "a result of short-lived workers");
  }
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"values", values},
      {"collected_by_the_manager", collected_by_the_manager},
      {"map", map},
      {"large", large},
      {"handles", handles},
      {"death", death},
      {"timeout", timeout},
      {"stop", stop},
      {"shutdown_that_cancels", shutdown_that_cancels},
      {"replaced_workers", replaced_workers},
  };
  return all;
}

}  // namespace process_pool_test
