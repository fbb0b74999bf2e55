// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A service is stopped by SIGTERM to all of its processes: its workers finish what they run.

#include "executors/processes/support.hpp"

#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::ProcessPoolExecutor;
using coeval::TimeoutError;
using coeval::WorkerDied;
using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Pipe;
using coeval::multiprocessing::Process;

int pass(const Ticket& ticket) {
  ticket.pass();
  return 7;
}

class SignalToTheGroup : public testing::TestWithParam<int> {};
class SignalOfATask : public testing::TestWithParam<int> {
};  // SIGINT stays ignored, whoever sends it

std::string name_of(const testing::TestParamInfo<int>& signal) {
  return std::string("SIG") + sigabbrev_np(signal.param);
}

// It tells when a task runs, and what became of it when it was told to end.
void be_a_service(Connection test, const Ticket& ticket, int signal) {
  ::setpgid(0, 0);
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit(square, 1).result();  // the worker is older than the mask
  sigset_t awaited{};
  sigemptyset(&awaited);
  sigaddset(&awaited, signal);
  pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
  const auto task = pool.submit(pass, ticket);
  int got = 0;
  multiprocessing_test::require(sigwait(&awaited, &got) == 0 && got == signal);
  test.send(std::string("told"));
  multiprocessing_test::require(task.result() == 7);
  pool.shutdown();
}

TEST_P(SignalToTheGroup, lets_workers_finish_what_they_run) {
  auto [here, there] = Pipe();
  CrossProcessGate gate;
  Process service(be_a_service, std::move(there), gate.ticket(), GetParam());
  service.start();
  gate.wait_for_arrivals(1);
  ASSERT_EQ(::kill(-service.pid().value(), GetParam()), 0);
  EXPECT_EQ(here.recv<std::string>(), "told");
  gate.open();
  service.join();
  EXPECT_EQ(service.exitcode(), 0);
}

TEST_P(SignalToTheGroup, does_nothing_to_an_idle_worker) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const int worker = pool.submit(own_pid).result();
  ASSERT_EQ(::kill(worker, GetParam()), 0);
  EXPECT_EQ(pool.submit(own_pid).result(), worker);
}

int raise_here(int signal) {
  return ::raise(signal);
}

TEST_P(SignalOfATask, ends_a_worker_that_sends_it_to_itself) {
  ProcessPoolExecutor pool({.max_workers = 1});
  try {
    pool.submit(raise_here, GetParam()).result();
    ADD_FAILURE() << "the worker has survived";
  } catch (const WorkerDied& error) {
    EXPECT_EQ(error.signal(), GetParam());
  }
}

// How the child of a task ends to which the task sends the signal.
int end_of_helper(int signal) {
  const pid_t helper = ::fork();
  if (helper == 0) {
    while (true) {
      ::pause();
    }
  }
  ::kill(helper, signal);
  int status = 0;
  ::waitpid(helper, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_P(SignalOfATask, ends_a_process_that_a_task_has_forked) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(end_of_helper, GetParam()).result(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(, SignalToTheGroup, testing::Values(SIGTERM, SIGHUP, SIGINT), name_of);
INSTANTIATE_TEST_SUITE_P(, SignalOfATask, testing::Values(SIGTERM, SIGHUP), name_of);

void wait_for_ever(const Ticket& ticket) {
  ticket.arrive();
  while (true) {
    ::pause();
  }
}

// What comes to the group does not use up the SIGTERM of the time limit: SIGKILL would take an hour.
TEST(SignalToAWorker, leaves_time_limits_their_SIGTERM) {
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 1h});
  CrossProcessGate gate;
  const int worker = pool.submit(own_pid).result();
  const auto task = pool.with({.timeout = 300ms}).submit(wait_for_ever, gate.ticket());
  gate.wait_for_arrivals(1);
  EXPECT_EQ(::kill(worker, SIGTERM), 0);
  EXPECT_THROW(task.result(), TimeoutError);
}

}  // namespace
}  // namespace process_pool_test
