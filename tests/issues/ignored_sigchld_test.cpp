// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The kernel reaps the children of a program that ignores SIGCHLD, and so does a program that waits
// for any child. How they have ended is known nevertheless.

#include "support/sanitizers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

namespace coeval {
namespace {

using multiprocessing::Process;

// Linux keeps the end of a process with its pidfd since 6.15.
bool kernel_keeps_ends() {
  utsname system{};
  ::uname(&system);
  int major = 0;
  int minor = 0;
  std::sscanf(system.release, "%d.%d", &major, &minor);
  return std::pair(major, minor) >= std::pair(6, 15);
}

class IgnoredSigchld : public testing::Test {
 protected:
  void SetUp() override {
    if (!kernel_keeps_ends()) {
      GTEST_SKIP() << "this kernel is older than 6.15 and forgets how a child has ended that was "
                      "reaped by others";
    }
    before_ = std::signal(SIGCHLD, SIG_IGN);
  }
  void TearDown() override { std::signal(SIGCHLD, before_); }

  void (*before_)(int) = SIG_DFL;
};

int exitcode_of(void (*target)()) {
  Process process(target);
  process.start();
  process.join();
  return process.exitcode().value_or(-1000);
}

TEST_F(IgnoredSigchld, every_way_to_end_is_told) {
  EXPECT_EQ(exitcode_of([] {}), 0);
  EXPECT_EQ(exitcode_of([] { std::exit(9); }), 9);
  EXPECT_EQ(exitcode_of([] { ::_exit(3); }), 3);
  EXPECT_EQ(exitcode_of([] { std::quick_exit(4); }), 4);
  EXPECT_EQ(exitcode_of([] { std::raise(SIGKILL); }), -SIGKILL);
  EXPECT_EQ(exitcode_of([] { std::raise(SIGTERM); }), -SIGTERM);
}

TEST_F(IgnoredSigchld, a_crash_of_a_task_is_told_with_its_signal_and_its_stack) {
  if (support::under_sanitizer) {
    GTEST_SKIP() << "the sanitizer has handlers of its own";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  try {
    pool.submit([](int) { std::raise(SIGSEGV); }, 1).result();
    FAIL() << "no exception";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.exitcode(), -SIGSEGV) << died.what();
    EXPECT_NE(std::string(died.what()).find("died of SIGSEGV"), std::string::npos) << died.what();
    EXPECT_FALSE(died.stack().empty()) << died.what();
  }
  try {
    pool.submit([](int) { ::_exit(3); }, 1).result();
    FAIL() << "no exception";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.exitcode(), 3) << died.what();
  }
}

TEST(WaitingForAnyChild, leaves_the_end_of_a_process_to_its_handle) {
  if (!kernel_keeps_ends()) {
    GTEST_SKIP() << "this kernel is older than 6.15 and forgets how a child has ended that was "
                    "reaped by others";
  }
  Process process([] { std::raise(SIGKILL); });
  process.start();
  while (::waitpid(-1, nullptr, 0) > 0 ||
         process.is_alive()) {  // races with the library's own wait
  }
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGKILL);
}

}  // namespace
}  // namespace coeval
