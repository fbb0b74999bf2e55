// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "tour/program.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace tour_test {

namespace {

std::vector<char*> pointers(Texts& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

// The environment without the names that are set anew.
Texts environment_with(const Texts& variables) {
  Texts all = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view old(*entry);
    bool is_replaced = false;
    for (const std::string& variable : variables) {
      is_replaced = is_replaced || old.starts_with(variable.substr(0, variable.find('=') + 1));
    }
    if (!is_replaced) {
      all.emplace_back(old);
    }
  }
  return all;
}

}  // namespace

Program::Program(Start start) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  pipe_ = ends[0];
  Texts environment = environment_with(start.variables);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  if (start.output.empty()) {
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, start.output.c_str(), O_WRONLY, 0);
  }
  posix_spawnattr_t attributes;  // a test that runs in the background may ignore SIGINT
  posix_spawnattr_init(&attributes);
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  posix_spawnattr_setsigdefault(&attributes, &interrupt);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const int error = posix_spawn(&pid_, start.command.front().c_str(), &actions, &attributes,
                                pointers(start.command).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[1]);
  if (error != 0) {
    close(pipe_);
    throw std::runtime_error("cannot start " + start.command.front());
  }
}

Program::~Program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(pipe_);
}

bool Program::read_more() {
  std::array<char, 4096> buffer;
  const ssize_t n = read(pipe_, buffer.data(), buffer.size());
  if (n > 0) {
    output_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return n > 0 || (n < 0 && errno == EINTR);
}

void Program::read_until(std::string_view text) {
  while (output_.find(text) == std::string::npos) {
    if (!read_more()) {
      throw std::runtime_error("it ended without '" + std::string(text) + "':\n" + output_);
    }
  }
}

void Program::interrupt() const {
  kill(pid_, SIGINT);
}

Outcome Program::finish() {
  while (read_more()) {
  }
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .output = std::move(output_)};
}

std::string tour_path() {
#ifdef COEVAL_TOUR
  return COEVAL_TOUR;
#else
  return "";
#endif
}

Texts tour(const Texts& arguments) {
  Texts command = {tour_path()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Texts tour_as_nobody(const Texts& arguments) {
  Texts command = tour(arguments);
  if (geteuid() == 0) {
    const Texts other_user = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534",
                              "--clear-groups"};
    command.insert(command.begin(), other_user.begin(), other_user.end());
  }
  return command;
}

bool nobody_can_run_it() {
  return access("/usr/bin/setpriv", X_OK) == 0 &&
         Program({.command = tour_as_nobody({"--help"})}).finish().status == 0;
}

Outcome run_tour(const Texts& arguments, const Texts& variables, const std::string& output) {
  return Program({.command = tour(arguments), .variables = variables, .output = output}).finish();
}

Busy::Busy() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket_, generic, length) != 0 || listen(socket_, 1) != 0 ||
      getsockname(socket_, generic, &length) != 0) {
    throw std::runtime_error("no port to listen on");
  }
  port_ = ntohs(address.sin_port);
}

Busy::~Busy() {
  close(socket_);
}

}  // namespace tour_test
