// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// System calls that the kernel refuses again and again, as under the seccomp filter of a sandbox that
// a program enters late: pools and processes find another way, or raise, and are never silent or
// without end. Each test runs in a process of its own, as what is refused there stays refused.

#include "executors/processes/support.hpp"
#include "support/failing_calls.hpp"

#include <coeval/core/log.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <semaphore>
#include <string>
#include <string_view>
#include <system_error>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Process;
using coeval::testing::failing_entry;
using coeval::testing::FailingCall;
using coeval::testing::FailingCallInChildren;
using coeval::testing::for_good;
using multiprocessing_test::in_process;
using multiprocessing_test::require;

// What the library says, counted and shown.
std::atomic<int> lines{0};
void count_line(coeval::Severity, std::string_view source, std::string_view text) {
  ++lines;
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(source.size()), source.data(),
               static_cast<int>(text.size()), text.data());
}

void sleep_for_ever() {
  while (true) {
    ::pause();
  }
}
std::string large(int size) {
  return std::string(static_cast<std::size_t>(size), 'x');
}

// The text of what the function raises, which must be an E.
template <class E, class F>
std::string error_of(F function) {
  try {
    function();
  } catch (const E& error) {
    return error.what();
  }
  require(false);
  return "";
}

// How many results come of so many tasks, one after the other, if nobody waits for them with
// result(): the pool has to hear of each. The others raise std::system_error.
int collect_by_callbacks(ProcessPoolExecutor& pool, int count) {
  std::atomic<int> right{0};
  for (int i = 0; i < count; ++i) {
    std::binary_semaphore is_done{0};
    pool.submit(square, i).add_done_callback([&](const coeval::Future<int>& future) {
      try {
        right += future.result() == i * i ? 1 : -count;
      } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): refused
      }
      is_done.release();
    });
    is_done.acquire();
  }
  return right;
}

// ---- refused in the process that has the pool ----

void submit_while_sends_are_refused() {
  coeval::set_log_handler(count_line);
  {
    ProcessPoolExecutor pool({.max_workers = 1});
    require(pool.submit(square, 3).result() == 9);
    const FailingCall refused(failing_entry("send"), EPERM, for_good);
    require(collect_by_callbacks(pool, 20) == 20);
    require(pool.with({.timeout = 1h}).submit(square, 4).result() == 16);
    require(
        pool.submit([](std::string text) { return text.size(); }, std::string("text")).result() ==
        4);
    // Its bytes go through a memory file, whose descriptor has to be sent.
    error_of<std::system_error>([&] {
      pool.submit([](std::string text) { return text.size(); }, large(1'000'000)).result();
    });
    require(refused.refused() < 1000);
  }
  require(lines == 1);
}

TEST(RefusedCalls, of_sendmsg_let_a_pool_submit_what_needs_none_and_raise_for_the_rest) {
  EXPECT_EQ(in_process(submit_while_sends_are_refused), 0);
}

void make_pool_while_sends_are_refused() {
  const FailingCall refused(failing_entry("send"), EPERM, for_good);
  ProcessPoolExecutor pool({.max_workers = 1});
  error_of<std::system_error>([&] { pool.submit(square, 3).result(); });
}

TEST(RefusedCalls, of_sendmsg_are_an_error_of_the_first_task_of_a_pool_that_is_made_under_them) {
  EXPECT_EQ(in_process(make_pool_while_sends_are_refused), 0);
}

void collect_while_receives_are_refused() {
  {
    ProcessPoolExecutor pool({.max_workers = 1});
    const int worker = pool.submit(own_pid).result();
    const FailingCall refused(failing_entry("receive"), EPERM, for_good);
    for (int i = 0; i < 3; ++i) {
      error_of<std::system_error>([&] { pool.submit(large, 1'000'000).result(); });
      require(collect_by_callbacks(pool, 10) == 10);
    }
    require(pool.submit(own_pid).result() == worker);
    require(refused.refused() < 1000);
  }
}

TEST(RefusedCalls, of_recvmsg_are_an_error_of_results_that_need_it_and_no_endless_loop) {
  EXPECT_EQ(in_process(collect_while_receives_are_refused), 0);
}

void end_while_signals_are_refused() {
  coeval::set_log_handler(count_line);
  const FailingCall refused(failing_entry("signal"), EPERM, for_good);
  {
    ProcessPoolExecutor pool({.max_workers = 1, .grace = 10ms});
    error_of<coeval::TimeoutError>(
        [&] { pool.with({.timeout = 10ms}).submit(sleep_for_ever).result(); });
    require(pool.submit(square, 3).result() == 9);
  }
  require(lines == 1);  // the SIGTERM was refused
  Process child(sleep_for_ever);
  child.start();
  error_of<std::system_error>([&] { child.terminate(); });
  // It may not have come to where the kernel ends it with its line.
  while (!child.join(10ms)) {
    child.kill();
  }
  require(child.exitcode() == -SIGKILL);
}

TEST(RefusedCalls, of_pidfd_send_signal_end_processes_by_the_line_to_their_parent) {
  EXPECT_EQ(in_process(end_while_signals_are_refused), 0);
}

void collect_while_polls_are_refused() {
  ProcessPoolExecutor pool({.max_workers = 1});
  require(pool.submit(square, 3).result() == 9);
  const FailingCall refused(failing_entry("poll"), EPERM, for_good);
  require(collect_by_callbacks(pool, 10) == 10);
  require(refused.refused() < 10'000);
}

TEST(RefusedCalls, of_poll_let_a_pool_look_around_now_and_then) {
  EXPECT_EQ(in_process(collect_while_polls_are_refused), 0);
}

// ---- refused in the workers ----

TEST(RefusedCalls, of_a_notice_that_pass_cost_no_worker) {
  for (const int error : {ENOBUFS, ENOMEM, EINTR}) {
    const FailingCallInChildren failing(failing_entry("send"), error, 1);
    ProcessPoolExecutor pool({.max_workers = 1});
    const int worker = pool.submit(own_pid).result();
    EXPECT_EQ(collect_by_callbacks(pool, 20), 20);
    EXPECT_EQ(pool.submit(own_pid).result(), worker);
  }
}

// A worker without a voice ends when it has done what it has; so one may follow the other until the
// pool gives up.
TEST(RefusedCalls, of_all_notices_cost_workers_and_leave_no_task_open) {
  const FailingCallInChildren failing(failing_entry("send"), EPERM, for_good);
  ProcessPoolExecutor pool({.max_workers = 1});
  try {
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(pool.submit(square, i).result(), i * i);
    }
  } catch (const coeval::BrokenProcessPool& error) {
    EXPECT_NE(std::string(error.what()).find("exit code 1"), std::string::npos) << error.what();
  }
}

// ---- a filter of the kernel, over all threads ----

void enter_sandbox() {
  constexpr unsigned most = 8;
  std::array<sock_filter, most> filter{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 3, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmsg, 2, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_send_signal, 2, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = most, .filter = filter.data()};
  require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  require(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ==
          0);
}

void arrive_and_sleep_for_ever(const Ticket& ticket) {
  ticket.arrive();
  sleep_for_ever();
}

void use_pool_in_sandbox() {
  Process child(sleep_for_ever);
  child.start();
  {
    ProcessPoolExecutor pool({.max_workers = 1, .grace = 1h});
    CrossProcessGate gate;
    const auto sleeping = pool.submit(arrive_and_sleep_for_ever, gate.ticket());
    gate.wait_for_arrivals(1);
    enter_sandbox();
    sleeping.stop();  // by SIGTERM: kill(2) is allowed
    error_of<coeval::CancelledError>([&] { sleeping.result(); });
    // A worker in its place cannot be started.
    error_of<std::system_error>([&] { pool.submit(square, 3).result(); });
    require(collect_by_callbacks(pool, 10) == 0);
  }
  child.terminate();
  child.join();
  require(child.exitcode() == -SIGTERM);
}

TEST(RefusedCalls, by_a_seccomp_filter_leave_a_pool_that_raises_and_ends) {
  EXPECT_EQ(in_process(use_pool_in_sandbox), 0);
}

}  // namespace
}  // namespace process_pool_test
