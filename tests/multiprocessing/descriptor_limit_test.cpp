// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A process that may have no more descriptors is told so, and goes on when it may.

#include "core/system_scope.hpp"
#include "multiprocessing/scenarios.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/log.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/listener.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

void limit_descriptors(rlim_t most) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = most;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Takes every descriptor that is left.
std::vector<FileDescriptor> take_all() {
  std::vector<FileDescriptor> taken;
  while (true) {
    FileDescriptor next(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!next) {
      return taken;
    }
    taken.push_back(std::move(next));
  }
}

template <class Call>
bool is_refused(Call call) {
  try {
    call();
    return false;
  } catch (const std::system_error& error) {
    return error.code().value() == EMFILE;
  }
}

// What is refused in a process without descriptors, as one letter each that is not.
std::string not_refused(Listener& listener, Connection& connection) {
  const auto nothing = [] {};
  std::string wrong;
  const auto expect = [&wrong](char letter, bool refused) {
    wrong += refused ? "" : std::string(1, letter);
  };
  expect('P', is_refused([] { Pipe(); }));
  expect('Q', is_refused([] { const Queue<int> queue; }));
  expect('M', is_refused([] { const SharedMemory memory(1); }));
  expect('N', is_refused([] { SharedMemory::create("coeval-limit", 1); }));
  expect('K', is_refused([] { const Lock lock; }));
  expect('L', is_refused([] { const Listener another; }));
  expect('C', is_refused([&] { Client(listener.address()); }));
  expect('A', is_refused([&] { listener.accept(); }));
  expect('S', is_refused([&] { Process(nothing).start(); }));
  expect('D', is_refused([&] { connection.send(connection); }));
  expect('B', is_refused([&] { connection.send_bytes(std::vector<std::byte>(100'000)); }));
  return wrong;
}

// The same, while there are descriptors: UndefinedBehaviorSanitizer needs some to look at a type for
// the first time.
std::string refused_by_the_table(Listener& listener, Connection& connection) {
  const support::SystemScope scope([](SystemCalls& table) {
    DescriptorCalls& calls = table.descriptor;
    calls.duplicate = [](int) noexcept { return -EMFILE; };
    calls.memory_file = [](const char*) noexcept { return -EMFILE; };
    calls.shared_open = [](const char*, int, mode_t) noexcept { return -EMFILE; };
    calls.socket = [](int, int, int) noexcept { return -EMFILE; };
    calls.socket_pair = [](int, int*) noexcept { return EMFILE; };
    calls.accept = [](int, sockaddr*, socklen_t*) noexcept { return -EMFILE; };
  });
  return not_refused(listener, connection);
}

void live_without_descriptors(Connection parent) {
  auto [left, right] = Pipe();
  Listener listener;
  Connection client = Client(listener.address());
  client.send(5);
  Process first([] {});
  first.start();
  first.join();
  first.close();
  std::string wrong = refused_by_the_table(listener, left);
  limit_descriptors(40);
  std::vector<FileDescriptor> taken = take_all();
  wrong += not_refused(listener, left);
  // A message with a descriptor that finds no place is lost, and the next one is not.
  taken.resize(taken.size() - 2);
  left.send(FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  const std::vector<FileDescriptor> the_rest = take_all();
  left.send(6);
  wrong += is_refused([&end = right] { end.recv<FileDescriptor>(); }) ? "" : "R";
  wrong += right.recv<int>() == 6 ? "" : "r";
  taken.resize(taken.size() - 2);
  wrong += listener.accept().recv<int>() == 5 ? "" : "a";
  limit_descriptors(200);
  for (const testing::Scenario& scenario : testing::scenarios()) {
    const std::string error = testing::error_of_run(scenario.run);
    wrong += error.empty() ? "" : std::string(scenario.name) + ": " + error;
  }
  parent.send(wrong);
}

TEST(DescriptorLimit, is_an_error_and_costs_nothing_that_was_there) {
  auto [here, there] = Pipe();
  Process process(live_without_descriptors, std::move(there));
  process.start();
  EXPECT_EQ(here.recv<std::string>(), "");
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

// poll(2) refuses to wait for more descriptors than the process may have.
void have_more_children_than_descriptors(Connection parent) {
  std::vector<Connection> ends;
  std::vector<Process> processes;
  for (int i = 0; i < 20; ++i) {
    auto [here, there] = Pipe();
    processes
        .emplace_back([](Connection end) { static_cast<void>(end.poll(never)); }, std::move(there))
        .start();
    ends.push_back(std::move(here));
  }
  limit_descriptors(10);
  ends.clear();
  for (Process& process : processes) {
    process.join();
    process.close();
  }
  processes.clear();
  limit_descriptors(200);
  Process last([] {});
  last.start();
  last.join();
  parent.send(last.exitcode().value());
}

TEST(DescriptorLimit, below_the_number_of_children_keeps_nobody_from_ending) {
  auto [here, there] = Pipe();
  Process process(have_more_children_than_descriptors, std::move(there));
  process.start();
  EXPECT_EQ(here.recv<int>(), 0);
}

}  // namespace
}  // namespace coeval::multiprocessing
