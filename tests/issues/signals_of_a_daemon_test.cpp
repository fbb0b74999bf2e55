// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A daemon waits for its signals by sigwait or a signalfd: no thread of the library takes them, and
// what it blocks is not blocked in its children.

#include "executors/processes/support.hpp"

#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <stop_token>
#include <string>
#include <utility>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::ProcessPoolExecutor;
using coeval::ThreadPoolExecutor;
using coeval::TimeoutError;
using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Pipe;
using coeval::multiprocessing::Process;

sigset_t all_signals() {
  sigset_t all{};
  sigfillset(&all);
  return all;
}

class AllBlocked {
 public:
  AllBlocked() {
    const sigset_t all = all_signals();
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  AllBlocked(const AllBlocked&) = delete;
  AllBlocked& operator=(const AllBlocked&) = delete;
  ~AllBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// ---- what children begin with

int blocked_signals() {
  sigset_t now{};
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  int blocked = 0;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    blocked += sigismember(&now, signal) == 1 ? 1 : 0;
  }
  return blocked;
}

void wait_for_ever() {
  while (true) {
    ::pause();
  }
}

TEST(SignalsOfADaemon, are_not_blocked_in_its_workers) {
  const AllBlocked blocked;
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 1h});
  EXPECT_EQ(pool.submit(blocked_signals).result(), 0);
  // By SIGTERM: SIGKILL would come in an hour.
  EXPECT_THROW(pool.with({.timeout = 50ms}).submit(wait_for_ever).result(), TimeoutError);
  EXPECT_EQ(pool.submit(blocked_signals).result(), 0) << "of a worker that was started later";
}

TEST(SignalsOfADaemon, that_it_ignores_do_not_spoil_time_limits) {
  const auto before = ::signal(SIGTERM, SIG_IGN);
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 1h});
  EXPECT_THROW(pool.with({.timeout = 50ms}).submit(wait_for_ever).result(), TimeoutError);
  ::signal(SIGTERM, before);
}

// ---- the library's threads

struct Threads {
  std::map<std::string, std::uint64_t> blocked;  // by name, the bits of each thread
};

// Those whose names begin so.
Threads threads_of_this_process(const std::string& prefix) {
  Threads threads;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    std::string name;
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("Name:\t")) {
        name = line.substr(6);
      } else if (line.starts_with("SigBlk:\t") && name.starts_with(prefix)) {
        threads.blocked[name] = std::stoull(line.substr(8), nullptr, 16);
      }
    }
  }
  return threads;
}

// A thread gives itself its name, a moment after it has begun: waits for so many.
Threads threads_of_this_process(const std::string& prefix, std::size_t count) {
  Threads threads;
  until([&] {
    threads = threads_of_this_process(prefix);
    return threads.blocked.size() >= count;
  });
  return threads;
}

bool is_blocked(std::uint64_t blocked, int signal) {
  return (blocked >> (signal - 1) & 1U) != 0;
}

void expect_all_blocked(const Threads& threads, bool also_the_profilers) {
  for (const auto& [name, blocked] : threads.blocked) {
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
                             SIGCHLD, SIGIO, SIGRTMIN, SIGRTMAX}) {
      EXPECT_TRUE(is_blocked(blocked, signal)) << name << ", signal " << signal;
    }
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
      EXPECT_FALSE(is_blocked(blocked, fault)) << name << ", fault " << fault;
    }
    EXPECT_EQ(is_blocked(blocked, SIGPROF), also_the_profilers) << name;
  }
}

TEST(SignalsOfADaemon, are_blocked_in_all_threads_of_a_process_pool) {
  ProcessPoolExecutor pool({.max_workers = 1, .name = "theirs"});
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
  CrossProcessGate gate;
  const auto [here, there] = Pipe();
  Process child([](const Ticket& ticket) { ticket.pass(); }, gate.ticket());
  child.start();
  gate.wait_for_arrivals(1);
  const Threads pools = threads_of_this_process("theirs_", 1);
  EXPECT_EQ(pools.blocked.size(), 1) << "the manager";
  expect_all_blocked(pools, true);
  const Threads processes = threads_of_this_process("coeval-child", 2);
  EXPECT_EQ(processes.blocked.size(), 2) << "the one that watches, the one that has started";
  expect_all_blocked(processes, true);
  gate.open();
}

TEST(SignalsOfADaemon, are_blocked_in_all_threads_of_a_thread_pool) {
  ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "ours"});
  EXPECT_EQ(pool.with({.timeout = 1h}).submit(square, 3).result(), 9);
  Threads threads = threads_of_this_process("ours_", 2);
  ASSERT_EQ(threads.blocked.count("ours_timer"), 1);
  const Threads timer{{*threads.blocked.find("ours_timer")}};
  expect_all_blocked(timer, true);
  threads.blocked.erase("ours_timer");
  EXPECT_GE(threads.blocked.size(), 1) << "the workers";
  expect_all_blocked(threads, false);
}

std::string unblocked_listeners(const std::stop_token& /*stop*/) {
  std::string wrong;
  const Threads threads = threads_of_this_process("stop", 1);
  for (const auto& [name, blocked] : threads.blocked) {
    wrong += is_blocked(blocked, SIGTERM) && is_blocked(blocked, SIGUSR1) ? "" : name;
  }
  return threads.blocked.size() == 1 ? wrong : "none is there";
}

TEST(SignalsOfADaemon, are_blocked_in_a_workers_listener) {
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit(unblocked_listeners).result();
  EXPECT_EQ(pool.submit(unblocked_listeners).result(), "");
}

// ---- the whole

// Makes its pools first, blocks the signal then, and waits for it. The exit code is 0 if it came here.
void be_a_daemon(Connection test) {
  ThreadPoolExecutor threads({.max_workers = 4});
  threads.with({.timeout = 1h}).submit(square, 1).result();
  ProcessPoolExecutor processes({.max_workers = 1});
  processes.submit(square, 1).result();
  sigset_t terminate{};
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
  test.send_bytes({});
  until([] {  // a thread that waits for it would be the first to get it
    sigset_t pending{};
    sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1;
  });
  int signal = 0;
  multiprocessing_test::require(sigwait(&terminate, &signal) == 0 && signal == SIGTERM);
}

TEST(SignalsOfADaemon, reach_it_though_its_pools_are_older_than_its_mask) {
  auto [here, there] = Pipe();
  Process daemon(be_a_daemon, std::move(there));
  daemon.start();
  static_cast<void>(here.recv_bytes());
  daemon.terminate();
  daemon.join();
  EXPECT_EQ(daemon.exitcode(), 0);
}

}  // namespace
}  // namespace process_pool_test
