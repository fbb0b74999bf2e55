// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/processes/birth.hpp"

#include "multiprocessing/processes/start_line.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// Its value is the parent's process id.
constexpr const char* mark = "COEVAL_CHILD_OF";

// What descriptor 3 is.
struct Control {
  bool is_readable = true;  // the kernel has told what it is
  bool is_socket = false;   // such as a parent makes
  pid_t peer = 0;           // who has made it; 0 if that is in another PID namespace
};

template <class T>
int read_option(int option, T* value) noexcept {
  socklen_t size = sizeof *value;
  return sys().descriptor.get_option(control_descriptor, SOL_SOCKET, option, value, &size);
}

Control look_at_control() noexcept {
  int type = 0;
  int domain = 0;
  ucred peer{};
  int error = read_option(SO_TYPE, &type);
  error = error != 0 ? error : read_option(SO_DOMAIN, &domain);
  error = error != 0 ? error : read_option(SO_PEERCRED, &peer);
  if (error != 0) {
    return {.is_readable = error == EBADF || error == ENOTSOCK};
  }
  return {.is_socket = type == SOCK_SEQPACKET && domain == AF_UNIX, .peer = peer.pid};
}

bool is_called_as_child() noexcept {
  const auto path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  return path != nullptr && std::strcmp(path, child_path) == 0;
}

// The parent that the mark names, or 0.
pid_t marked_parent() noexcept {
  const char* const value = std::getenv(mark);  // NOLINT(concurrency-mt-unsafe): before main()
  const long parent = value != nullptr ? std::strtol(value, nullptr, 10) : 0;
  return parent > 0 ? static_cast<pid_t>(parent) : 0;
}

Birth uncertain(const char* doubt) noexcept {
  return {.kind = Birth::Kind::uncertain, .doubt = doubt};
}

Birth judge(bool is_called, pid_t marked) noexcept {
  if (!is_called && marked == 0) {
    return {};
  }
  const Control control = look_at_control();
  if (!control.is_readable) {
    return {.kind = Birth::Kind::uncertain,
            .doubt = "it cannot look at its parent's socket",
            .may_pass = true};
  }
  if (!is_called && !(control.is_socket && control.peer == marked)) {
    return {};
  }
  if (getauxval(AT_SECURE) != 0) {
    return uncertain("it has raised privileges (set-user-ID, set-group-ID or file capabilities)");
  }
  if (!control.is_socket) {
    return uncertain("its descriptor 3 is not the socket of its parent");
  }
  if (control.peer <= 0) {
    return uncertain("its parent is in another PID namespace");
  }
  return {.kind = Birth::Kind::child, .parent = control.peer};
}

// Device and inode of a file, or the error.
struct Identity {
  int error = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

Identity identity_of(const char* path) noexcept {
  const int opened = sys().descriptor.open(path, O_RDONLY, 0);
  const FileDescriptor file(opened);
  Identity found;
  found.error = file ? sys().descriptor.identity(file.get(), &found.device, &found.inode) : -opened;
  return found;
}

// unshare(CLONE_NEWPID) leaves the caller where it is, and moves its children: into a namespace that
// has no file yet if there is no first child.
bool children_leave_pid_namespace() noexcept {
  const Identity here = identity_of("/proc/thread-self/ns/pid");
  const Identity there = identity_of("/proc/thread-self/ns/pid_for_children");
  if (here.error != 0 || there.error != 0) {
    return here.error == 0 && there.error == ENOENT;
  }
  return here.inode != there.inode || here.device != there.device;
}

[[noreturn]] void refuse(std::string_view reason) {
  throw RuntimeError(fmt::format("coeval::multiprocessing::Process::start: {}", reason));
}

}  // namespace

Birth look_at_birth() noexcept {
  const Birth birth = judge(is_called_as_child(), marked_parent());
  ::unsetenv(mark);  // NOLINT(concurrency-mt-unsafe): before main()
  return birth;
}

std::vector<std::string> child_environment() {
  const std::string ours = fmt::format("{}=", mark);
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with(ours)) {
      variables.push_back(StartLine::of_this_process().absolute(*variable));
    }
  }
  variables.push_back(fmt::format("{}{}", ours, sys().getpid()));
  return variables;
}

void require_certain_children() {
  if (getauxval(AT_SECURE) != 0) {
    refuse(
        "this program runs with raised privileges (set-user-ID, set-group-ID or file "
        "capabilities), and so would its children, which take orders from nobody then; start it "
        "by an unprivileged program that hands its privileges on as ambient capabilities, or as "
        "root");
  }
  if (::getuid() != ::geteuid() || ::getgid() != ::getegid()) {
    refuse(
        "the effective user or group of this thread is not its real one, so the child would begin "
        "as a program with raised privileges; make them alike (setresuid, setresgid) first");
  }
  if (children_leave_pid_namespace()) {
    refuse(
        "this thread has called unshare(CLONE_NEWPID) or setns, so the child would be in another "
        "PID namespace, where it cannot know its parent; fork once, and start it there");
  }
}

}  // namespace coeval::multiprocessing::detail
