// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Signals that interrupt system calls all the time change nothing.

#include "multiprocessing/scenarios.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/listener.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>

#include <gtest/gtest.h>

#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;

std::atomic<int> interruptions{0};

// While it lives, a signal comes every 50 microseconds, and its handler restarts no call.
class Storm {
 public:
  Storm() {
    struct sigaction action{};
    action.sa_handler = [](int) { interruptions.fetch_add(1, std::memory_order_relaxed); };
    ::sigaction(SIGALRM, &action, &before_);
    set(50);
  }
  ~Storm() {
    set(0);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

 private:
  static void set(long microseconds) {
    const timeval interval{.tv_sec = 0, .tv_usec = microseconds};
    const itimerval timer{.it_interval = interval, .it_value = interval};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }

  struct sigaction before_{};
};

// Both ends live in a storm of their own.
void echo(Connection parent, const Queue<std::string>& in, const Queue<std::string>& out,
          const Event& end) {
  const Storm storm;
  try {
    while (true) {
      parent.send(parent.recv<std::string>());
      out.put(in.get());
    }
  } catch (const EOFError&) {
    end.wait();
  }
}

TEST(Interruptions, change_no_result) {
  interruptions = 0;
  const Storm storm;
  const Queue<std::string> in(2);
  const Queue<std::string> out(2);
  const Event end;
  auto [here, there] = Pipe();
  Process process(echo, std::move(there), in, out, end);
  process.start();
  for (int i = 0; i < 300; ++i) {
    const std::string text(i % 10 == 0 ? 100'000 : 100, static_cast<char>('a' + i % 26));
    here.send(text);
    ASSERT_EQ(here.recv<std::string>(), text);
    in.put(text);
    ASSERT_EQ(out.get(), text);
  }
  here.close();
  end.set();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_GT(interruptions, 0);
  std::printf("interruptions: %d\n", interruptions.load());
}

TEST(Interruptions, let_every_scenario_succeed) {
  const Storm storm;
  for (int round = 0; round < 20; ++round) {
    for (const testing::Scenario& scenario : testing::scenarios()) {
      EXPECT_EQ(testing::error_of_run(scenario.run), "") << scenario.name;
    }
  }
}

// It gives up, and not before its time.
template <class Wait>
void expect_gives_up(const char* what, Wait wait) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(wait(20ms)) << what;
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms) << what;
}

template <class Error, class Call>
bool raises(Call call) {
  try {
    call();
    return false;
  } catch (const Error&) {
    return true;
  }
}

TEST(Interruptions, end_no_wait_before_its_deadline) {
  auto [here, there] = Pipe();
  const Queue<int> empty;
  const Event event;
  Listener listener;
  Process process([](Connection parent) { static_cast<void>(parent.poll(never)); },
                  std::move(there));
  process.start();
  const Storm storm;
  expect_gives_up("recv", [&end = here](Deadline deadline) {
    return raises<TimeoutError>([&] { end.recv<int>(deadline); });
  });
  expect_gives_up("poll", [&end = here](Deadline deadline) { return !end.poll(deadline); });
  expect_gives_up("wait", [&end = here](Deadline deadline) {
    return connection::wait({end}, deadline).empty();
  });
  expect_gives_up("get", [&](Deadline deadline) { return !empty.try_get(deadline).has_value(); });
  expect_gives_up("event", [&](Deadline deadline) { return !event.wait(deadline); });
  expect_gives_up("join", [&](Deadline deadline) { return !process.join(deadline); });
  expect_gives_up("accept", [&](Deadline deadline) {
    return raises<TimeoutError>([&] { listener.accept(deadline); });
  });
  here.close();
}

}  // namespace
}  // namespace coeval::multiprocessing
