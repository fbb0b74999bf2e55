// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The ways in which a process can end, and what its parent learns.

#include "support/sanitizers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace program {

// Functions that stay in a stack, whatever the optimiser thinks of them.
__attribute__((noinline)) int read_row(int n) {
  if (n > 0) {
    throw std::out_of_range("no row " + std::to_string(n));
  }
  return n;
}
__attribute__((noinline)) int read_page(int n) {
  return read_row(n) + 1;
}

}  // namespace program

namespace coeval::multiprocessing {
namespace {

void wait_for_the_end(Connection connection) {
  static_cast<void>(connection.poll(never));
}

// The exit code of a process that runs the target.
template <class F, class... Args>
std::optional<int> exitcode_of(F target, Args... args) {
  Process process(target, std::move(args)...);
  process.start();
  process.join();
  return process.exitcode();
}

// What the target of a process writes to one of its standard streams. The stream is the parent's,
// so a process in between replaces it.
template <int Stream, class F>
std::string written_to_stream(F) {
  auto [here, there] = Pipe();
  Process between(
      [](Connection c) {
        int pipe[2];
        ASSERT_EQ(::pipe(pipe), 0);
        ::dup2(pipe[1], Stream);
        ::close(pipe[1]);
        const FileDescriptor reading(pipe[0]);
        Process process({.name = "the loader"}, F{});
        process.start();
        process.join();
        ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), Stream);  // the last end to write to
        std::string text;
        char byte = 0;
        while (::read(reading.get(), &byte, 1) == 1) {
          text += byte;
        }
        c.send(std::to_string(process.exitcode().value_or(-1)) + " " + text);
      },
      std::move(there));
  between.start();
  std::string text = here.recv<std::string>();
  between.join();
  return text;
}

TEST(ProcessEnd, has_the_code_that_the_target_ends_it_with) {
  EXPECT_EQ(exitcode_of([] {}), 0);
  EXPECT_EQ(exitcode_of([] { return 5; }), 0) << "a result is no exit code";
  EXPECT_EQ(exitcode_of([] { std::exit(3); }), 3);
  EXPECT_EQ(exitcode_of([] { ::_exit(4); }), 4);
  EXPECT_EQ(exitcode_of([] { std::quick_exit(5); }), 5);
  EXPECT_EQ(exitcode_of([] { throw SystemExit(6); }), 6);
  EXPECT_EQ(exitcode_of([] { throw SystemExit(); }), 0);
  EXPECT_EQ(exitcode_of([] { std::exit(256 + 7); }), 7) << "the kernel keeps 8 bits";
}

TEST(ProcessEnd, by_a_signal_is_minus_its_number) {
  EXPECT_EQ(exitcode_of([] { std::abort(); }), -SIGABRT);
  EXPECT_EQ(exitcode_of([] { std::terminate(); }), -SIGABRT);
  EXPECT_EQ(exitcode_of([] { ::raise(SIGKILL); }), -SIGKILL);
  EXPECT_EQ(exitcode_of([] { ::raise(SIGUSR1); }), -SIGUSR1);
  const auto throw_in_a_thread = [] {
    pthread_t thread{};
    const auto entry = [](void*) -> void* { throw std::runtime_error("nobody catches"); };
    pthread_create(&thread, nullptr, entry, nullptr);
    pthread_join(thread, nullptr);
  };
  EXPECT_EQ(exitcode_of(throw_in_a_thread), -SIGABRT);
}

TEST(ProcessEnd, by_pthread_exit_waits_for_the_other_threads) {
  if (support::under_thread_sanitizer) {
    GTEST_SKIP() << "ThreadSanitizer has a thread of its own in each process, which does not end";
  }
  EXPECT_EQ(exitcode_of([] { ::pthread_exit(nullptr); }), 0);
  auto [here, there] = Pipe();
  const auto leave_a_thread = [](Connection c) {
    pthread_t thread{};
    const auto entry = [](void* connection) -> void* {
      auto* const mine = static_cast<Connection*>(connection);
      static_cast<void>(mine->recv<int>());
      mine->send(std::string("still there"));
      delete mine;
      return nullptr;
    };
    pthread_create(&thread, nullptr, entry, new Connection(std::move(c)));
    ::pthread_exit(nullptr);
  };
  Process process(leave_a_thread, std::move(there));
  process.start();
  here.send(1);
  EXPECT_EQ(here.recv<std::string>(), "still there");
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST(ProcessEnd, waits_for_the_threads_of_the_library) {
  auto [here, there] = Pipe();
  const auto leave_a_thread = [](Connection c) {
    threading::Thread thread([c = std::move(c)]() mutable {
      static_cast<void>(c.recv<int>());
      c.send(std::string("joined"));
    });
    thread.start();
  };
  Process process(leave_a_thread, std::move(there));
  process.start();
  here.send(1);
  EXPECT_EQ(here.recv<std::string>(), "joined");
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST(ProcessEnd, of_an_exception_prints_name_type_text_and_stack) {
  const std::string text = written_to_stream<STDERR_FILENO>([] { program::read_page(7); });
  EXPECT_TRUE(text.starts_with("1 ")) << text;
  EXPECT_NE(text.find("exception in process 'the loader': std::out_of_range: no row 7\n"
                      "  at program::read_row ("),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  at program::read_page ("), std::string::npos) << text;
  EXPECT_EQ(text.find("detail"), std::string::npos) << "the library's own frames: " << text;
  EXPECT_TRUE(text.ends_with(")\n")) << text;
}

TEST(ProcessEnd, of_what_the_target_received_too_late_is_printed_too) {
  const auto read_on = [] {
    auto [here, there] = Pipe();
    there.close();
    static_cast<void>(here.recv<int>());
  };
  const std::string text = written_to_stream<STDERR_FILENO>(read_on);
  EXPECT_NE(text.find("exception in process 'the loader': coeval::EOFError: "), std::string::npos)
      << text;
}

TEST(ProcessEnd, of_what_is_no_std_exception_is_printed_with_its_type) {
  const std::string text = written_to_stream<STDERR_FILENO>([] { throw 3.5; });
  EXPECT_NE(text.find("exception in process 'the loader': double\n"), std::string::npos) << text;
}

TEST(ProcessEnd, of_SystemExit_prints_nothing) {
  EXPECT_EQ(written_to_stream<STDERR_FILENO>([] { throw SystemExit(2); }), "2 ");
}

TEST(ProcessEnd, writes_out_what_stands_in_stdout) {
  EXPECT_EQ(written_to_stream<STDOUT_FILENO>([] { std::printf("no line end"); }), "0 no line end");
}

TEST(ProcessEnd, is_seen_though_the_target_closed_every_descriptor) {
  const auto close_all = [] {
    for (int fd = 0; fd < 1000; ++fd) {
      ::close(fd);
    }
    std::exit(8);
  };
  EXPECT_EQ(exitcode_of(close_all), 8);
}

TEST(ProcessEnd, is_seen_though_a_process_that_the_target_forked_lives_on) {
  auto [here, there] = Pipe();
  const auto fork_one = [](Connection c) {
    if (::fork() == 0) {
      wait_for_the_end(std::move(c));
      ::_exit(0);
    }
    std::exit(9);
  };
  EXPECT_EQ(exitcode_of(fork_one, std::move(there)), 9);
  here.close();
}

TEST(ProcessEnd, is_not_mistaken_for_that_of_a_process_that_the_target_forked) {
  // The kernel tells a program nothing that ignores SIGCHLD.
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const auto fork_one = [] {
    if (const pid_t child = ::fork(); child == 0) {
      std::exit(7);
    } else {
      ::waitpid(child, nullptr, 0);
    }
    std::exit(9);
  };
  EXPECT_EQ(exitcode_of(fork_one), 9);
  std::signal(SIGCHLD, before);
}

TEST(ProcessEnd, comes_by_kill_where_terminate_is_ignored) {
  auto [here, there] = Pipe();
  const auto be_stubborn = [](Connection c) {
    std::signal(SIGTERM, SIG_IGN);
    c.send(std::string("deaf"));
    while (true) {
      c.send(c.recv<std::string>());
    }
  };
  Process process(be_stubborn, std::move(there));
  process.start();
  EXPECT_EQ(here.recv<std::string>(), "deaf");
  process.terminate();
  here.send(std::string("there?"));
  EXPECT_EQ(here.recv<std::string>(), "there?");
  EXPECT_TRUE(process.is_alive());
  process.kill();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGKILL);
}

// What a terminal does at Ctrl-C: SIGINT for each process of the group.
TEST(ProcessEnd, comes_by_Ctrl_C_as_of_any_program) {
  const auto lead_a_group = [](Connection c) {
    std::signal(SIGINT, [](int) {});  // a handler is not inherited
    ::setpgid(0, 0);
    auto [here, there] = Pipe();
    const auto tell_and_wait = [](Connection end) {
      end.send(1);
      wait_for_the_end(std::move(end));
    };
    Process process(tell_and_wait, std::move(there));
    process.start();
    static_cast<void>(here.recv<int>());
    ::kill(0, SIGINT);
    process.join();
    c.send(process.exitcode().value_or(0));
  };
  auto [here, there] = Pipe();
  Process leader(lead_a_group, std::move(there));
  leader.start();
  EXPECT_EQ(here.recv<int>(), -SIGINT);
  leader.join();
  EXPECT_EQ(leader.exitcode(), 0);
}

TEST(ProcessEnd, of_many_is_each_ones_own) {
  std::vector<Process> processes;
  for (int i = 0; i < 20; ++i) {
    processes.emplace_back([](int code) { std::exit(code); }, i);
  }
  for (Process& process : processes) {
    process.start();
  }
  for (int i = 0; i < 20; ++i) {
    processes[static_cast<std::size_t>(i)].join();
    EXPECT_EQ(processes[static_cast<std::size_t>(i)].exitcode(), i);
  }
}

}  // namespace
}  // namespace coeval::multiprocessing
