// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/listener.hpp>

#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/threading/thread.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;

// A path for a socket, in a folder that is removed at the end.
class SocketPath {
 public:
  SocketPath() {
    std::string pattern = std::filesystem::temp_directory_path() / "coeval-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~SocketPath() { std::filesystem::remove_all(folder_); }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  std::string path() const { return folder_ / "x.sock"; }

 private:
  std::filesystem::path folder_;
};

// The error code with which the call fails, 0 if it does not.
template <class Call>
int error_of(Call call) {
  try {
    call();
    return 0;
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("coeval::multiprocessing::"), std::string::npos);
    return error.code().value();
  }
}

void say_hello(const std::string& address) {
  Client(address).send(std::string("hello"));
}

TEST(Listener, is_connected_to_in_the_same_process) {
  for (const bool with_file : {false, true}) {
    const SocketPath file;
    Listener listener(with_file ? file.path() : std::string());
    Connection client = Client(listener.address());
    Connection server = listener.accept();
    client.send(1729);
    EXPECT_EQ(server.recv<int>(), 1729);
    server.send(std::string("back"));
    EXPECT_EQ(client.recv<std::string>(), "back");
    listener.close();
    EXPECT_TRUE(listener.closed());
    EXPECT_THROW(listener.accept(), RuntimeError);
    client.send(2);
    EXPECT_EQ(server.recv<int>(), 2) << "a connection outlives its listener";
  }
}

TEST(Listener, a_second_one_at_the_same_address_is_refused) {
  const SocketPath file;
  for (const std::string& address : {std::string(), file.path()}) {
    const Listener listener(address);
    EXPECT_EQ(error_of([&] { Listener second(listener.address()); }), EADDRINUSE);
    EXPECT_EQ(error_of([&] { Client(listener.address()); }), 0) << "the first goes on";
  }
}

TEST(Listener, a_fresh_address_is_another_one_each_time) {
  const Listener first;
  const Listener second;
  EXPECT_NE(first.address(), second.address());
  EXPECT_TRUE(first.address().starts_with('@')) << first.address();
  EXPECT_EQ(to_string(first), "<Listener '" + first.address() + "'>");
  Listener moved;
  moved.close();
  EXPECT_EQ(to_string(moved), "<Listener closed>");
}

TEST(Listener, a_name_without_a_file_can_be_chosen) {
  const std::string name = "@coeval-test-" + std::to_string(::getpid());
  Listener listener(name, {.backlog = 1});
  EXPECT_EQ(listener.address(), name);
  const Connection client = Client(name);
  EXPECT_TRUE(listener.accept().writable());
}

TEST(Listener, moves) {
  Listener first;
  const std::string address = first.address();
  Listener second(std::move(first));
  EXPECT_TRUE(first.closed());  // NOLINT(bugprone-use-after-move): a promise of the class
  EXPECT_THROW(static_cast<void>(first.address()), RuntimeError);
  EXPECT_THROW(first.accept(), RuntimeError);
  const Connection client = Client(address);
  second.accept();
  first = std::move(second);
  EXPECT_EQ(first.address(), address);
}

TEST(Listener, an_address_that_is_none_is_a_value_error) {
  const std::string longest(107, 'x');
  for (const std::string& address :
       {longest + "x", "@" + longest + "x", std::string("@"), std::string("a\0b", 3)}) {
    EXPECT_THROW(Listener{address}, ValueError);
    EXPECT_THROW(Client(address), ValueError);
  }
  EXPECT_THROW(Client(""), ValueError);
  Listener longest_name("@" + longest);
  const Connection client = Client("@" + longest);
}

TEST(Listener, where_nobody_listens_says_so) {
  const SocketPath file;
  EXPECT_EQ(error_of([&] { Client(file.path()); }), ENOENT);
  EXPECT_EQ(error_of([&] { Client("@coeval-nobody-is-here"); }), ECONNREFUSED);
  EXPECT_EQ(error_of([&] { Listener listener(file.path() + "/no/folder"); }), ENOENT);
  Listener listener(file.path());
  listener.close();
  EXPECT_EQ(error_of([&] { Client(file.path()); }), ENOENT);
}

TEST(Listener, what_is_no_listener_says_so) {
  const SocketPath file;
  const int stream = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const FileDescriptor closer(stream);
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  file.path().copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(stream, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(stream, 1), 0);
  EXPECT_EQ(error_of([&] { Client(file.path()); }), EPROTOTYPE);
  EXPECT_EQ(error_of([&] { Listener listener(file.path()); }), EADDRINUSE);
  EXPECT_EQ(::access(file.path().c_str(), F_OK), 0);
}

TEST(Listener, a_file_that_is_no_socket_stays) {
  const SocketPath file;
  std::ofstream(file.path()) << "precious";
  EXPECT_EQ(error_of([&] { Listener listener(file.path()); }), EADDRINUSE);
  std::string text;
  std::ifstream(file.path()) >> text;
  EXPECT_EQ(text, "precious");
}

TEST(Listener, accept_gives_up_at_its_deadline) {
  Listener listener;
  EXPECT_THROW(listener.accept(0s), TimeoutError);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(listener.accept(20ms), TimeoutError);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

TEST(Listener, a_full_backlog_makes_clients_wait_until_their_deadline) {
  Listener listener({}, {.backlog = 0});
  std::vector<Connection> clients;
  EXPECT_THROW(
      {
        while (true) {
          clients.push_back(Client(listener.address(), 10ms));
        }
      },
      TimeoutError);
  EXPECT_FALSE(clients.empty());
  EXPECT_THROW(Client(listener.address(), 0s), TimeoutError);
  threading::Thread late([&] { say_hello(listener.address()); });
  late.start();
  for (Connection& client : clients) {
    client.close();
    EXPECT_THROW(listener.accept().recv<int>(), EOFError);
  }
  EXPECT_EQ(listener.accept().recv<std::string>(), "hello");
  late.join();
}

TEST(Listener, tells_by_its_descriptor_that_a_client_waits) {
  Listener listener;
  EXPECT_TRUE(connection::wait({listener.fileno()}, 0s).empty());
  const Connection client = Client(listener.address());
  EXPECT_EQ(connection::wait({listener.fileno()}).size(), 1U);
}

TEST(Listener, a_client_that_says_nothing_holds_nobody_up) {
  Listener listener;
  const Connection silent = Client(listener.address());
  const Connection also_silent = Client(listener.address());
  Connection talks = Client(listener.address());
  talks.send(3);
  std::vector<Connection> accepted;
  for (int i = 0; i < 3; ++i) {
    accepted.push_back(listener.accept());
  }
  EXPECT_EQ(accepted.back().recv<int>(), 3);
}

// Somebody else has the other user's number, as far as this process can see.
std::atomic<bool> is_stranger = false;

TEST(Listener, of_another_user_and_clients_of_others_are_refused) {
  static std::string logged;
  logged.clear();
  const LogHandler before =
      set_log_handler([](Severity, std::string_view, std::string_view text) { logged += text; });
  const support::SystemScope scope([](SystemCalls& table) {
    table.descriptor.get_option = [](int fd, int level, int option, void* value,
                                     socklen_t* size) noexcept {
      const int error = kernel().descriptor.get_option(fd, level, option, value, size);
      if (option == SO_PEERCRED && is_stranger.exchange(false)) {
        static_cast<ucred*>(value)->uid = kernel().process.user() + 12345;
      }
      return error;
    };
  });
  Listener listener;
  is_stranger = true;
  EXPECT_EQ(error_of([&] { Client(listener.address()); }), EACCES);
  is_stranger = true;
  Client(listener.address(), ClientOptions{.any_user = true});
  listener.accept();
  listener.accept();

  Connection stranger = Client(listener.address());
  Connection friendly = Client(listener.address());
  friendly.send(1);
  is_stranger = true;
  EXPECT_EQ(listener.accept().recv<int>(), 1);
  EXPECT_THROW(stranger.recv<int>(), EOFError);
  EXPECT_NE(logged.find("refused process " + std::to_string(::getpid())), std::string::npos);

  Listener open({}, {.any_user = true});
  const Connection anybody = Client(open.address());
  is_stranger = true;
  open.accept();
  EXPECT_EQ(open.last_accepted()->uid, ::geteuid() + 12345);
  set_log_handler(before);
}

TEST(Listener, without_a_descriptor_accept_loses_no_client) {
  Listener listener;
  Connection client = Client(listener.address());
  client.send(7);
  {
    const support::SystemScope scope([](SystemCalls& table) {
      table.descriptor.accept = [](int, sockaddr*, socklen_t*) noexcept { return -EMFILE; };
    });
    EXPECT_EQ(error_of([&] { listener.accept(); }), EMFILE);
  }
  EXPECT_EQ(listener.accept().recv<int>(), 7);
}

// ---- between processes ----

TEST(ListenerClient, a_process_connects_by_the_address) {
  const SocketPath file;
  for (const std::string& address : {std::string(), file.path()}) {
    Listener listener(address);
    Process process(say_hello, listener.address());
    process.start();
    Connection connection = listener.accept();
    EXPECT_EQ(listener.last_accepted(),
              (Peer{.pid = *process.pid(), .uid = ::geteuid(), .gid = ::getegid()}));
    EXPECT_EQ(connection.recv<std::string>(), "hello");
    EXPECT_THROW(connection.recv<std::string>(), EOFError);
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
}

TEST(ListenerClient, what_a_client_sent_is_there_after_it_has_gone) {
  Listener listener;
  Process process(say_hello, listener.address());
  process.start();
  process.join();
  EXPECT_EQ(listener.accept().recv<std::string>(), "hello");
}

TEST(ListenerClient, a_client_can_wait_for_what_comes) {
  Listener listener;
  Connection client = Client(listener.address());
  Connection accepted = listener.accept();
  EXPECT_FALSE(client.poll());
  accepted.send(1);
  EXPECT_TRUE(client.poll(never));
}

TEST(ListenerClient, a_program_of_its_own_connects_and_is_handed_a_file) {
  constexpr const char* variable = "COEVAL_TEST_LISTENER";
  if (const char* const address = std::getenv(variable)) {  // this is that program
    Connection server = Client(address);
    const auto file = server.recv<FileDescriptor>();
    server.send(static_cast<long>(::write(file.get(), "written", 7)));
    return;
  }
  Listener listener;
  ASSERT_EQ(::setenv(variable, listener.address().c_str(), 1), 0);
  std::string program = "/proc/self/exe";
  std::string filter =
      "--gtest_filter=ListenerClient.a_program_of_its_own_connects_and_is_handed_a_file";
  std::vector<char*> arguments{program.data(), filter.data(), nullptr};
  // Where this program does a part of the tests, that would be none of one.
  ::unsetenv("GTEST_TOTAL_SHARDS");
  ::unsetenv("GTEST_SHARD_INDEX");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::unsetenv(variable);
  ASSERT_EQ(error, 0);
  Connection client = listener.accept();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const FileDescriptor reading(pipe[0]);
  client.send(FileDescriptor(pipe[1]));
  EXPECT_EQ(client.recv<long>(), 7);
  std::array<char, 8> text{};
  EXPECT_EQ(::read(reading.get(), text.data(), text.size()), 7);
  EXPECT_STREQ(text.data(), "written");
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

void connect_and_stay(const std::string& address, Connection told) {
  Connection server = Client(address);
  server.send(1);
  told.send(1);
  told.poll(never);
}

TEST(ListenerClient, a_killed_client_costs_nobody_else_anything) {
  Listener listener;
  for (const bool accepted : {false, true}) {
    auto [here, there] = Pipe();
    Process victim(connect_and_stay, listener.address(), std::move(there));
    victim.start();
    here.recv<int>();
    Connection other = Client(listener.address());
    other.send(2);
    std::vector<Connection> clients;
    if (accepted) {
      clients.push_back(listener.accept());
    }
    victim.kill();
    victim.join();
    while (clients.size() < 2) {
      clients.push_back(listener.accept());
    }
    EXPECT_EQ(clients[0].recv<int>(), 1);
    EXPECT_THROW(clients[0].recv<int>(), EOFError);
    EXPECT_EQ(clients[1].recv<int>(), 2);
  }
}

}  // namespace
}  // namespace coeval::multiprocessing
