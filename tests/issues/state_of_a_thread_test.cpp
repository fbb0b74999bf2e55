// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What Linux keeps by thread reaches the children that the thread starts, and the pools that it
// makes: a sandbox that is set up before them holds in them, whichever thread submits.

#include "executors/processes/support.hpp"

#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/pickle/pickle.hpp>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace process_pool_test {
namespace {

using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Pipe;
using coeval::multiprocessing::Process;

// What a thread is under.
struct Surroundings {
  bool no_new_privs = false;
  int error_of_acct = 0;  // a system call that the filter refuses in its own way
  int nice = 0;
  int processors = 0;
  unsigned long names = 0;  // the namespace of the host's name

  static Surroundings now() {
    Surroundings now;
    now.no_new_privs = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    now.error_of_acct = ::syscall(SYS_acct, "/no such file") == 0 ? 0 : errno;
    now.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    now.processors = CPU_COUNT(&set);
    struct stat names{};
    ::stat("/proc/thread-self/ns/uts", &names);
    now.names = names.st_ino;
    return now;
  }
  friend bool operator==(const Surroundings&, const Surroundings&) = default;
};

std::string to_string(const Surroundings& s) {
  return "no_new_privs " + std::to_string(s.no_new_privs) + ", acct " +
         std::to_string(s.error_of_acct) + ", nice " + std::to_string(s.nice) + ", processors " +
         std::to_string(s.processors) + ", uts " + std::to_string(s.names);
}

// acct() fails with EXDEV, by which nothing else fails here.
void refuse_acct() {
  std::array filter{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_acct, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

// Of the calling thread. With a namespace of its own where the user may have one.
void enter_sandbox() {
  if (::geteuid() == 0) {
    ASSERT_EQ(::unshare(CLONE_NEWUTS), 0);
  }
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 7), 0);
  cpu_set_t all;
  CPU_ZERO(&all);
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  int first = 0;
  while (!CPU_ISSET(first, &all)) {
    ++first;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  refuse_acct();
}

void tell(Connection test) {
  test.send(Surroundings::now());
}

Surroundings of_a_process() {
  auto [here, there] = Pipe();
  Process child(tell, std::move(there));
  child.start();
  auto told = here.recv<Surroundings>();
  child.join();
  return told;
}

// Runs a function in a thread in a sandbox: what that thread is under.
template <class F>
Surroundings in_a_sandbox(F function) {
  Surroundings thread;
  std::thread([&] {
    enter_sandbox();
    thread = Surroundings::now();
    function();
  }).join();
  EXPECT_EQ(thread.error_of_acct, EXDEV);
  EXPECT_EQ(thread.nice, 7);
  EXPECT_EQ(thread.processors, 1);
  EXPECT_TRUE(thread.no_new_privs);
  return thread;
}

void expect_same(const Surroundings& here, const Surroundings& there) {
  EXPECT_EQ(here, there) << to_string(here) << "\n" << to_string(there);
}

TEST(StateOfAThread, is_that_of_the_processes_that_it_starts) {
  const Surroundings before = of_a_process();  // so nothing is new to the library afterwards
  Surroundings there;
  const Surroundings here = in_a_sandbox([&] { there = of_a_process(); });
  expect_same(here, there);
  expect_same(before, of_a_process());
}

TEST(StateOfAThread, is_that_of_the_workers_of_a_pool_that_it_makes) {
  ProcessPoolExecutor free({.max_workers = 1});
  const Surroundings before = free.submit(Surroundings::now).result();
  std::unique_ptr<ProcessPoolExecutor> pool;
  const Surroundings here = in_a_sandbox([&] {
    pool = std::make_unique<ProcessPoolExecutor>(
        coeval::ProcessPoolOptions{.max_workers = 1, .max_tasks_per_child = 1});
  });
  for (int worker = 0; worker < 3; ++worker) {
    expect_same(here, pool->submit(Surroundings::now).result());
  }
  expect_same(before, free.submit(Surroundings::now).result());
}

// The pool has been made outside of it.
TEST(StateOfAThread, is_not_that_of_the_workers_that_a_submit_of_it_starts) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Surroundings there;
  const Surroundings here = in_a_sandbox([&] { there = pool.submit(Surroundings::now).result(); });
  EXPECT_NE(here.error_of_acct, there.error_of_acct);
}

}  // namespace
}  // namespace process_pool_test
