// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/process.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/threading/event.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;

void do_nothing() {}
void exit_with(int code) {
  std::exit(code);
}
void wait_for_the_end(Connection connection) {
  static_cast<void>(connection.poll(never));
}
void report_name(Connection connection) {
  connection.send(current_process().name());
}

struct Adder {
  int a = 0;
  void operator()(Connection connection, int b) const { connection.send(a + b); }
};

template <class T>
struct Answer {
  T value;
  std::optional<int> exitcode;
};

// Runs a target that sends one value over the connection it is given first.
template <class T, class F, class... Args>
Answer<T> ask(F target, Args... args) {
  auto [here, there] = Pipe();
  Process process(target, std::move(there), args...);
  process.start();
  T value = here.recv<T>();
  process.join();
  return {std::move(value), process.exitcode()};
}

TEST(Process, runs_a_function_in_another_process) {
  const auto answer = ask<int>([](Connection c) { c.send(static_cast<int>(::getpid())); });
  EXPECT_NE(answer.value, ::getpid());
  EXPECT_EQ(answer.exitcode, 0);
}

TEST(Process, gives_the_target_its_arguments) {
  const auto join = [](Connection c, const std::string& a, int n, std::vector<std::string> more) {
    c.send(a + std::to_string(n) + more.at(1));
  };
  EXPECT_EQ(ask<std::string>(join, "text", 7, std::vector<std::string>{"x", "y"}).value, "text7y");
}

TEST(Process, takes_a_function_object_with_a_state) {
  EXPECT_EQ(ask<int>(Adder{40}, 2).value, 42);
}

const std::string initialised(42, 'x');

TEST(Process, has_run_the_static_initialisers) {
  const auto length = [](Connection c) { c.send(static_cast<int>(initialised.size())); };
  EXPECT_EQ(ask<int>(length).value, 42);
}

TEST(Process, an_rvalue_argument_is_given_away) {
  auto [here, there] = Pipe();
  Process process([](Connection) {}, std::move(there));
  process.start();
  process.join();
  EXPECT_THROW(here.recv<int>(), EOFError);
}

// exitcode: None, 0, n, -signal; as in _TestProcess.
TEST(Process, the_exit_code_is_none_before_the_end_and_0_after_a_good_one) {
  auto [here, there] = Pipe();
  Process process(wait_for_the_end, std::move(there));
  EXPECT_EQ(process.exitcode(), std::nullopt);
  process.start();
  EXPECT_EQ(process.exitcode(), std::nullopt);
  here.close();
  EXPECT_TRUE(process.join());
  EXPECT_EQ(process.exitcode(), 0);
}

TEST(Process, the_exit_code_is_what_exit_says) {
  Process process(exit_with, 7);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST(Process, SystemExit_gives_the_exit_code) {
  Process process([] { throw SystemExit(3); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 3);
}

TEST(Process, an_exception_gives_the_exit_code_1_and_is_printed_with_the_name) {
  // Standard error of the child is ours, so a second one catches it.
  const auto catch_it = [](Connection c) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    ::dup2(pipe[1], STDERR_FILENO);
    Process process({.name = "the loader"}, [] { throw std::out_of_range("no such page"); });
    process.start();
    process.join();
    std::string text(500, '\0');
    text.resize(static_cast<std::size_t>(::read(pipe[0], text.data(), text.size())));
    c.send(std::to_string(process.exitcode().value_or(-1)) + " " + text);
  };
  const std::string text = ask<std::string>(catch_it).value;
  EXPECT_TRUE(text.starts_with("1 ")) << text;
  EXPECT_NE(text.find("process 'the loader': std::out_of_range: no such page"), std::string::npos)
      << text;
}

TEST(Process, terminate_is_SIGTERM_and_kill_is_SIGKILL) {
  auto [here, there] = Pipe();
  Process first(wait_for_the_end, there);
  Process second(wait_for_the_end, there);
  first.start();
  second.start();
  first.terminate();
  second.kill();
  first.join();
  second.join();
  EXPECT_EQ(first.exitcode(), -SIGTERM);
  EXPECT_EQ(second.exitcode(), -SIGKILL);
  first.terminate();  // of one that has ended does nothing
}

TEST(Process, join_gives_up_at_its_deadline) {
  auto [here, there] = Pipe();
  Process process(wait_for_the_end, std::move(there));
  process.start();
  EXPECT_FALSE(process.join(10ms));
  EXPECT_FALSE(process.join(0s));
  EXPECT_FALSE(process.join(-1s));
  EXPECT_TRUE(process.is_alive());
  here.close();
  EXPECT_TRUE(process.join());
  EXPECT_TRUE(process.join(0s));
  EXPECT_FALSE(process.is_alive());
}

TEST(Process, the_sentinel_becomes_readable_at_the_end) {
  auto [here, there] = Pipe();
  Process process(wait_for_the_end, std::move(there));
  EXPECT_THROW(static_cast<void>(process.sentinel()), RuntimeError);
  process.start();
  EXPECT_TRUE(connection::wait({process.sentinel()}, 0s).empty());
  here.close();
  EXPECT_EQ(connection::wait({process.sentinel()}).size(), 1U);
  process.join();
  EXPECT_EQ(connection::wait({process.sentinel()}).size(), 1U);
}

TEST(Process, close_frees_a_process_that_has_ended) {
  auto [here, there] = Pipe();
  Process process(wait_for_the_end, std::move(there));
  process.start();
  EXPECT_THROW(process.close(), RuntimeError);
  here.close();
  process.join();
  process.close();
  process.close();
  EXPECT_THROW(process.join(), RuntimeError);
  EXPECT_THROW(static_cast<void>(process.is_alive()), RuntimeError);
  EXPECT_THROW(static_cast<void>(process.exitcode()), RuntimeError);
  EXPECT_THROW(static_cast<void>(process.sentinel()), RuntimeError);
  EXPECT_THROW(process.terminate(), RuntimeError);
}

TEST(Process, calls_at_the_wrong_time_are_errors) {
  Process process(do_nothing);
  EXPECT_THROW(process.join(), RuntimeError);
  EXPECT_THROW(process.kill(), RuntimeError);
  EXPECT_EQ(process.pid(), std::nullopt);
  EXPECT_FALSE(process.is_alive());
  process.start();
  EXPECT_THROW(process.start(), RuntimeError);
  EXPECT_THROW(process.set_daemon(true), RuntimeError);
  process.join();
  EXPECT_THROW(process.start(), RuntimeError);
  EXPECT_THROW(current_process().join(), RuntimeError);
  Process none;
  EXPECT_FALSE(none);
  EXPECT_THROW(none.start(), RuntimeError);
  EXPECT_EQ(to_string(none), "<Process none>");
}

TEST(Process, has_a_name_that_the_child_knows) {
  auto [here, there] = Pipe();
  const auto report_and_wait = [](Connection c) {
    c.send(current_process().name());
    static_cast<void>(c.poll(never));
  };
  Process process({.name = "reader"}, report_and_wait, std::move(there));
  EXPECT_EQ(process.name(), "reader");
  EXPECT_EQ(to_string(process), "<Process(reader, initial)>");
  process.start();
  EXPECT_EQ(to_string(process),
            "<Process(reader, started, pid " + std::to_string(*process.pid()) + ")>");
  EXPECT_EQ(here.recv<std::string>(), "reader");
  here.close();
  process.join();
  EXPECT_EQ(to_string(process), "<Process(reader, stopped, exitcode 0)>");
  EXPECT_TRUE(Process(do_nothing).name().starts_with("Process-"));
  EXPECT_EQ(current_process().name(), "MainProcess");
}

TEST(Process, the_child_of_a_child_is_named_after_both) {
  const auto nested = [](Connection c) {
    Process grandchild(report_name, std::move(c));
    grandchild.start();
    grandchild.join();
  };
  auto [here, there] = Pipe();
  Process child({.name = "outer"}, nested, std::move(there));
  child.start();
  EXPECT_EQ(here.recv<std::string>(), "outer:1");
  child.join();
}

TEST(Process, a_child_knows_its_parent_and_can_wait_for_its_end) {
  EXPECT_FALSE(parent_process());
  const auto about_parent = [](Connection c) {
    const Process parent = parent_process();
    c.send(parent.name() + " " + std::to_string(*parent.pid()) + " " +
           (parent.is_alive() ? "alive" : "dead") + (parent.join(0s) ? " joined" : " runs"));
  };
  EXPECT_EQ(ask<std::string>(about_parent).value,
            "MainProcess " + std::to_string(::getpid()) + " alive runs");
}

TEST(Process, active_children_are_those_that_run) {
  auto [here, there] = Pipe();
  Process process(wait_for_the_end, std::move(there));
  EXPECT_TRUE(active_children().empty());
  process.start();
  ASSERT_EQ(active_children().size(), 1U);
  EXPECT_EQ(active_children().front(), process);
  here.close();
  process.join();
  EXPECT_TRUE(active_children().empty());
}

TEST(Process, a_daemon_may_have_no_children) {
  const auto try_it = [](Connection c) {
    Process child(do_nothing);
    try {
      child.start();
      c.send(std::string("started"));
    } catch (const RuntimeError& error) {
      c.send(std::string(error.what()));
    }
  };
  auto [here, there] = Pipe();
  Process process({.name = {}, .daemon = true}, try_it, std::move(there));
  EXPECT_TRUE(process.daemon());
  process.start();
  EXPECT_NE(here.recv<std::string>().find("the child of a daemon"), std::string::npos);
  process.join();
}

TEST(Process, the_end_of_a_process_terminates_its_daemons_and_waits_for_the_others) {
  const auto start_two = [](Connection c) {
    auto [here, there] = Pipe();
    Process daemon({.name = "d", .daemon = true}, wait_for_the_end, there);
    daemon.start();
    Process other([](Connection to) { to.send(std::string("waited for")); }, c);
    other.start();
    c.send(static_cast<int>(*daemon.pid()));
    std::exit(0);
  };
  auto [here, there] = Pipe();
  Process process(start_two, std::move(there));
  process.start();
  static_cast<void>(here.recv_bytes());
  static_cast<void>(here.recv_bytes());
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_THROW(here.recv_bytes(), EOFError) << "somebody still has the other end";
}

TEST(Process, the_last_handle_waits_for_the_end) {
  auto [here, there] = Pipe();
  threading::Event gone;
  threading::Thread dropper([&gone, end = std::move(there)]() mutable {
    {
      Process process(wait_for_the_end, std::move(end));
      process.start();
    }
    gone.set();
  });
  dropper.start();
  EXPECT_FALSE(gone.wait(20ms));
  here.close();
  dropper.join();
  EXPECT_TRUE(gone.is_set());
}

TEST(Process, nobody_who_ended_remains_a_zombie_though_nobody_joins) {
  Process process(do_nothing);
  process.start();
  connection::wait({process.sentinel()});
  const std::string path = "/proc/" + std::to_string(*process.pid());
  while (::access(path.c_str(), F_OK) == 0) {
    ::poll(nullptr, 0, 1);
  }
}

TEST(Process, of_a_forked_child_is_no_child_of_it) {
  auto [here, there] = Pipe();
  Process process(wait_for_the_end, std::move(there));
  process.start();
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      process.join(0s);
    } catch (const RuntimeError&) {
      code = active_children().empty() ? 0 : 2;
    }
    ::_exit(code);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  here.close();
}

TEST(Process, can_be_started_by_many_threads_at_once) {
  std::vector<threading::Thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      for (int k = 0; k < 5; ++k) {
        Process process(exit_with, k);
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), k);
      }
    });
    threads.back().start();
  }
  for (const threading::Thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace coeval::multiprocessing
