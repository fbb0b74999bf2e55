// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Tasks that end their process: each costs itself, and nothing else.

#include "executors/processes/support.hpp"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <csetjmp>
#include <cstddef>
#include <cstdlib>
#include <stop_token>
#include <string>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::WorkerDied;

// ---- ways to end -------------------------------------------------------------------------------------

void by_sigkill() {
  ::raise(SIGKILL);
}
void by_abort() {
  std::abort();
}
void by_exit() {
  std::exit(3);  // NOLINT(concurrency-mt-unsafe)
}
void by_immediate_exit() {
  ::_exit(4);
}
void by_quick_exit() {
  std::quick_exit(5);
}
void by_pthread_exit() {
  ::pthread_exit(nullptr);
}
void by_floating_point_error() {
  ::raise(SIGFPE);
}
void by_unhandled_signal() {
  ::raise(SIGUSR1);
}
void by_sigterm() {
  ::raise(SIGTERM);
}
void by_exec() {
  ::execl("/bin/true", "true", nullptr);
}
void by_exec_of_a_failing_program() {
  ::execl("/bin/false", "false", nullptr);
}

[[gnu::noinline]] int read_through(const volatile int* pointer) {
  return *pointer + 1;
}
void by_null_pointer() {
  const int* volatile pointer = nullptr;
  static_cast<void>(read_through(pointer));
}

[[gnu::noinline]] int descend(int depth) {  // NOLINT(misc-no-recursion)
  volatile char room[1024];                 // NOLINT
  room[static_cast<std::size_t>(depth) % sizeof room] = 1;
  return depth == INT_MAX ? 0 : descend(depth + 1) + room[0];
}
void by_stack_overflow() {
  descend(0);
}

template <void (*Way)()>
int tell_and_end(const SharedNumbers& told) {
  told.set(0, ::getpid());
  Way();
  return 0;
}

// ---- what is expected ----------------------------------------------------------------------------------

// A task that ends so, among many others.
template <void (*Way)()>
WorkerDied death(ProcessPoolExecutor& pool) {
  const SharedNumbers told;
  std::vector<Future<int>> others;
  for (int i = 0; i < 20; ++i) {
    others.push_back(pool.submit(square, i));
  }
  const auto victim = pool.submit(tell_and_end<Way>, told);
  for (int i = 20; i < 40; ++i) {
    others.push_back(pool.submit(square, i));
  }
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(others[static_cast<std::size_t>(i)].result(), i * i);
  }
  try {
    victim.result();
  } catch (const WorkerDied& error) {
    EXPECT_EQ(error.pid(), told.get());
    EXPECT_EQ(::kill(error.pid(), 0), -1) << "it is gone, and no zombie";
    EXPECT_NE(std::string(error.what()).find("(pid " + std::to_string(told.get()) + ")"),
              std::string::npos)
        << error.what();
    EXPECT_NE(pool.submit(own_pid).result(), error.pid());
    return error;
  }
  ADD_FAILURE() << "it did not die";
  return WorkerDied("", 0, 0);
}

template <void (*Way)()>
void expect_signal(ProcessPoolExecutor& pool, int signal, const std::string& name) {
  const WorkerDied error = death<Way>(pool);
  EXPECT_EQ(error.signal(), signal);
  EXPECT_EQ(error.exitcode(), -signal);
  EXPECT_NE(std::string(error.what()).find("died of " + name), std::string::npos) << error.what();
}

template <void (*Way)()>
void expect_exitcode(ProcessPoolExecutor& pool, int exitcode) {
  const WorkerDied error = death<Way>(pool);
  EXPECT_EQ(error.signal(), 0);
  EXPECT_EQ(error.exitcode(), exitcode);
  EXPECT_NE(std::string(error.what()).find("exit code " + std::to_string(exitcode)),
            std::string::npos)
      << error.what();
}

class ProcessDeath : public testing::TestWithParam<int> {
 protected:
  ProcessPoolExecutor pool_{{.max_workers = GetParam(), .name = "risky"}};
};

TEST_P(ProcessDeath, by_a_signal_is_told_with_its_number) {
  expect_signal<by_sigkill>(pool_, SIGKILL, "SIGKILL (a kill -9");
  expect_signal<by_unhandled_signal>(pool_, SIGUSR1, "SIGUSR1");
  expect_signal<by_sigterm>(pool_, SIGTERM, "SIGTERM");
}

TEST_P(ProcessDeath, by_a_crash_is_told_with_its_signal) {
  if (under_sanitizer) {
    GTEST_SKIP() << "the sanitizers handle these signals";
  }
  expect_signal<by_abort>(pool_, SIGABRT, "SIGABRT");
  expect_signal<by_floating_point_error>(pool_, SIGFPE, "SIGFPE");
  expect_signal<by_null_pointer>(pool_, SIGSEGV, "SIGSEGV");
  expect_signal<by_stack_overflow>(pool_, SIGSEGV, "SIGSEGV");
}

TEST_P(ProcessDeath, by_exit_is_told_with_its_code) {
  expect_exitcode<by_exit>(pool_, 3);
  expect_exitcode<by_immediate_exit>(pool_, 4);
  expect_exitcode<by_quick_exit>(pool_, 5);
}

TEST_P(ProcessDeath, by_pthread_exit_has_the_code_zero) {
  if (under_sanitizer) {
    GTEST_SKIP() << "ThreadSanitizer has a thread of its own in each process, which does not end";
  }
  expect_exitcode<by_pthread_exit>(pool_, 0);
}

TEST_P(ProcessDeath, by_exec_has_the_code_of_the_other_program) {
  for (int i = 0; i < 10; ++i) {
    expect_exitcode<by_exec>(pool_, 0);
    expect_exitcode<by_exec_of_a_failing_program>(pool_, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(workers, ProcessDeath, testing::Values(1, 2, 4));

TEST(ProcessDeathStack, names_the_functions_that_crashed) {
  if (under_sanitizer) {
    GTEST_SKIP() << "the sanitizers handle these signals";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  const WorkerDied null_pointer = death<by_null_pointer>(pool);
  EXPECT_NE(null_pointer.stack().find("read_through"), std::string::npos) << null_pointer.stack();
  EXPECT_NE(std::string(null_pointer.what()).find("read_through"), std::string::npos)
      << null_pointer.what();
  const WorkerDied overflow = death<by_stack_overflow>(pool);
  EXPECT_NE(overflow.stack().find("descend"), std::string::npos) << overflow.stack();
  EXPECT_TRUE(death<by_sigkill>(pool).stack().empty());
  EXPECT_TRUE(death<by_exit>(pool).stack().empty());
}

TEST(ProcessDeathStack, is_not_that_of_a_forked_child) {
  if (under_sanitizer) {
    GTEST_SKIP() << "the sanitizers handle these signals";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto crash_in_child = [] {
    const pid_t child = ::fork();
    if (child == 0) {
      descend(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WTERMSIG(status);
  };
  EXPECT_EQ(pool.submit(crash_in_child).result(), SIGSEGV);
  const std::string stack = death<by_null_pointer>(pool).stack();
  EXPECT_NE(stack.find("read_through"), std::string::npos) << stack;
}

TEST(ProcessDeathByPthreadExit, ends_the_process_though_a_thread_listens_for_stop_requests) {
  if (under_sanitizer) {
    GTEST_SKIP() << "ThreadSanitizer has a thread of its own in each process, which does not end";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit([](const std::stop_token& stop) { return stop.stop_possible(); }).result(),
            true);
  expect_exitcode<by_pthread_exit>(pool, 0);
}

TEST(ProcessDeathByPthreadExit, in_another_thread_of_the_task_ends_that_thread_only) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto task = [] {
    pthread_t thread{};
    const auto entry = [](void*) -> void* { ::pthread_exit(nullptr); };
    pthread_create(&thread, nullptr, entry, nullptr);
    return pthread_join(thread, nullptr);
  };
  EXPECT_EQ(pool.submit(task).result(), 0);
}

int jump_within() {
  static std::jmp_buf place;
  volatile int times = 0;
  if (setjmp(place) < 3) {  // NOLINT
    times = times + 1;
    std::longjmp(place, times);  // NOLINT
  }
  return times;
}

TEST(ProcessDeathNot, by_a_longjmp_within_the_task) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(jump_within).result(), 3);
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

// Each worker has many tasks in hand when one of them dies; which one must be known.
TEST(ProcessDeathInARow, among_many_costs_exactly_those_that_die) {
  ProcessPoolExecutor pool({.max_workers = 3});
  const SharedNumbers runs(2000);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 2000; ++i) {
    futures.push_back(pool.submit(
        [](const SharedNumbers& counts, int n) {
          ++counts[static_cast<std::size_t>(n)];
          if (n % 50 == 49) {
            ::raise(SIGKILL);
          }
          return n;
        },
        runs, i));
  }
  for (int i = 0; i < 2000; ++i) {
    const Future<int>& future = futures[static_cast<std::size_t>(i)];
    if (i % 50 == 49) {
      EXPECT_THROW(future.result(), WorkerDied);
    } else {
      EXPECT_EQ(future.result(), i);
    }
    EXPECT_EQ(runs.get(static_cast<std::size_t>(i)), 1);
  }
  const coeval::ExecutorStats stats = pool.stats();
  EXPECT_EQ(stats.failed, 40U);
  EXPECT_EQ(stats.completed, 1960U);
}

}  // namespace
}  // namespace process_pool_test
