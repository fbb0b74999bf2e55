// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The file of a listener: who makes it, who takes a dead one's place, who removes it.

#include <coeval/multiprocessing/listener.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

class ListenerFile : public testing::Test {
 protected:
  ListenerFile() {
    std::string pattern = std::filesystem::temp_directory_path() / "coeval-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ListenerFile() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "x.sock"; }
  bool exists() const { return std::filesystem::exists(path()); }

  // A file without a listener, as a kill leaves it.
  void leave_a_dead_one() const {
    auto [here, there] = Pipe();
    Process process(
        [](const std::string& path, Connection told) {
          const Listener listener(path);
          told.send(1);
          told.poll(never);
        },
        path(), std::move(there));
    process.start();
    here.recv<int>();
    process.kill();
    process.join();
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(ListenerFile, is_removed_with_its_listener) {
  {
    const Listener listener(path());
    EXPECT_TRUE(exists());
  }
  EXPECT_FALSE(exists());
  Listener closed(path());
  closed.close();
  EXPECT_FALSE(exists());
  const Listener next(path());
  closed.close();
  EXPECT_TRUE(exists()) << "closed twice";
}

TEST_F(ListenerFile, of_a_dead_listener_is_replaced) {
  leave_a_dead_one();
  ASSERT_TRUE(exists());
  try {
    Client(path());
    FAIL() << "no exception";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ECONNREFUSED);
  }
  Listener listener(path());
  const Connection client = Client(path());
  listener.accept();
}

TEST_F(ListenerFile, of_somebody_else_is_not_removed) {
  Listener listener(path());
  std::filesystem::remove(path());
  const Listener other(path());
  listener.close();
  EXPECT_TRUE(exists());
  const Connection client = Client(path());
}

TEST_F(ListenerFile, is_not_removed_by_a_forked_child) {
  Listener listener(path());
  const pid_t child = ::fork();
  if (child == 0) {
    listener.close();
    ::_exit(0);
  }
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  const Connection client = Client(path());
  listener.accept();
}

TEST_F(ListenerFile, has_the_permissions_of_the_umask) {
  const mode_t before = ::umask(0077);
  const Listener listener(path());
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

void race(const std::string& path, Connection parent) {
  parent.send(0);
  parent.recv<int>();
  try {
    Listener listener(path);
    parent.send(1);
    static_cast<void>(parent.recv<int>());
    parent.send(listener.accept(std::chrono::seconds(0)).recv<int>());
  } catch (const std::system_error& error) {
    parent.send(-error.code().value());
  }
}

// Whoever has got the place must keep it: the others may not take his fresh file for the dead one's.
TEST_F(ListenerFile, goes_to_one_of_those_who_want_a_dead_ones_place) {
  constexpr int rounds = 30;
  constexpr int racers = 4;
  for (int round = 0; round < rounds; ++round) {
    leave_a_dead_one();
    std::vector<Process> processes;
    std::vector<Connection> connections;
    for (int i = 0; i < racers; ++i) {
      auto [here, there] = Pipe();
      processes.emplace_back(race, path(), std::move(there)).start();
      connections.push_back(std::move(here));
    }
    for (Connection& connection : connections) {
      connection.recv<int>();
    }
    for (Connection& connection : connections) {
      connection.send(0);
    }
    int listening = 0;
    Connection* winner = nullptr;
    for (Connection& connection : connections) {
      const int answer = connection.recv<int>();
      if (answer == 1) {
        ++listening;
        winner = &connection;
      } else {
        EXPECT_EQ(answer, -EADDRINUSE);
      }
    }
    ASSERT_EQ(listening, 1);
    Client(path()).send(42);
    winner->send(0);
    EXPECT_EQ(winner->recv<int>(), 42);
  }
}

}  // namespace
}  // namespace coeval::multiprocessing
