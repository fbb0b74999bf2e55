// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// kill -9 of a parent ends every child, though it has lost the kernel's death signal: by a change of
// its user, which only root can make, or by prctl.

#include "executors/processes/support.hpp"

#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

namespace process_pool_test {
namespace {

using coeval::EOFError;
using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Pipe;
using coeval::multiprocessing::Process;

constexpr int nobody = 65534;

// What user code may do.
void lose_death_signal() {
  if (::geteuid() == 0) {
    multiprocessing_test::require(::setgid(nobody) == 0 && ::setuid(nobody) == 0);
  } else {
    ::prctl(PR_SET_PDEATHSIG, 0);
  }
}

// Keeps the end open for as long as the process lives.
Connection kept;
void lose_and_keep(Connection end) {
  lose_death_signal();
  kept = std::move(end);
}

void stay_busy(Connection end) {
  lose_death_signal();
  end.send_bytes({});
  while (true) {
    asm volatile("");
  }
}

// ---- parents, which tell when their children are where they are to be

void have_a_busy_worker(Connection end) {
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit(stay_busy, std::move(end)).result();
}

void have_an_idle_worker(Connection end) {
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit(lose_and_keep, end).result();
  end.send_bytes({});
  ::pause();
}

void have_a_worker_with_an_initializer(Connection end) {
  ProcessPoolExecutor pool({.max_workers = 1}, lose_and_keep, end);
  pool.submit(square, 2).result();
  end.send_bytes({});
  ::pause();
}

void have_a_child(Connection end) {
  Process child(stay_busy, std::move(end));
  child.start();
  child.join();
}

// The thread that starts the child ends, and the child stays; then the parent is killed.
void have_a_child_of_a_thread_that_ends(Connection end) {
  Process child(
      [](Connection own) {
        own.send_bytes({});
        while (true) {
          asm volatile("");
        }
      },
      std::move(end));
  std::thread([&child] { child.start(); }).join();
  child.join();
}

struct Kind {
  const char* name;
  void (*parent)(Connection);
};

constexpr Kind kinds[] = {
    {"busy_worker", have_a_busy_worker},
    {"idle_worker", have_an_idle_worker},
    {"worker_with_an_initializer", have_a_worker_with_an_initializer},
    {"process", have_a_child},
    {"process_of_a_thread_that_has_ended", have_a_child_of_a_thread_that_ends}};

class Orphans : public testing::TestWithParam<Kind> {};

// The other end of the pipe is open until the last one of them is gone.
TEST_P(Orphans, none_is_left) {
  for (int i = 0; i < (under_sanitizer ? 3 : 20); ++i) {
    auto [here, there] = Pipe();
    Process parent(GetParam().parent, std::move(there));
    parent.start();
    static_cast<void>(here.recv_bytes());
    parent.kill();
    parent.join();
    EXPECT_THROW(static_cast<void>(here.recv_bytes()), EOFError);
  }
}

INSTANTIATE_TEST_SUITE_P(, Orphans, testing::ValuesIn(kinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

// PR_SET_PDEATHSIG alone would end it with the thread.
TEST(ChildOfAThread, outlives_the_thread) {
  CrossProcessGate gate;
  Process child([](const Ticket& ticket) { ticket.pass(); }, gate.ticket());
  std::thread([&] {
    child.start();
    gate.wait_for_arrivals(1);
  }).join();
  gate.open();
  child.join();
  EXPECT_EQ(child.exitcode(), 0);
}

}  // namespace
}  // namespace process_pool_test
