// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "child.hpp"

#include "packet_socket.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>
#include <coeval/core/throw_stack.hpp>
#include <coeval/multiprocessing/detail/target.hpp>
#include <coeval/multiprocessing/freeze_support.hpp>

#include <cxxabi.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// Its value is the parent's process id. Only a child that also has the parent's socket as
// descriptor 3 is one, so a program cannot be made to believe it by its environment alone.
constexpr const char* mark = "COEVAL_CHILD_OF";
constexpr int control_descriptor = 3;
constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();

atomic<std::uint32_t> taken_over{0};

// What this process knows about itself. Made at first use, never destroyed.
struct Family {
  std::shared_ptr<ProcessState> current = std::make_shared<ProcessState>(
      ProcessKind::current, "MainProcess", false, sys().getpid(), FileDescriptor());
  std::shared_ptr<ProcessState> parent;
  FileDescriptor control;  // of a child: the socket to its parent
};

Family& family() {
  static Family& family = *new Family;
  return family;
}

// An option of the parent's socket. A child that cannot tell whether it is one must not run the
// program's main(), which would start children in its turn.
template <class T>
bool read_option(int option, T* value) noexcept {
  socklen_t size = sizeof *value;
  const int error =
      sys().descriptor.get_option(control_descriptor, SOL_SOCKET, option, value, &size);
  if (error != 0 && error != EBADF && error != ENOTSOCK) {
    log(Severity::critical, "coeval.multiprocessing", "a child cannot look at its parent's socket");
    std::_Exit(1);
  }
  return error == 0;
}

// The parent that the mark and the socket both name, or 0.
pid_t marked_parent() noexcept {
  // Before main(), when nobody changes the environment.
  const char* const value = std::getenv(mark);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr || getauxval(AT_SECURE) != 0) {
    return 0;
  }
  const long parent = std::strtol(value, nullptr, 10);
  int type = 0;
  ucred peer{};
  const bool is_child = parent > 0 && read_option(SO_TYPE, &type) && type == SOCK_SEQPACKET &&
                        read_option(SO_PEERCRED, &peer) && peer.pid == parent;
  return is_child ? peer.pid : 0;
}

// A program that reads its standard input in several processes would lose lines at random.
void close_standard_input() noexcept {
  const int null = sys().descriptor.open("/dev/null", O_RDONLY, 0);
  if (null > 0) {
    sys().descriptor.redirect(null, STDIN_FILENO);
    sys().descriptor.close(null);
  }
}

// Tells the parent the exit code, for the case that it cannot learn it from the kernel.
void report_exit(int code, void*) noexcept {
  if (sys().getpid() != family().current->pid()) {
    return;  // a process that the target forked
  }
  try {
    const auto bytes = std::as_bytes(std::span(&code, 1));
    send_packet(family().control.get(), bytes, {}, Deadline(std::chrono::seconds(0)));
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the parent is gone or asleep
  }
}

// What the parent sends. Nothing if it is gone.
std::optional<pickle::Parcel> receive_target() {
  try {
    return receive_packet(family().control.get(), any_size, never);
  } catch (const EOFError&) {
    return std::nullopt;
  }
}

void call_target(pickle::Parcel parcel, ThrowStack& stack) {
  pickle::InputArchive archive(parcel.bytes, parcel.descriptors);
  ChildSettings settings;
  archive(settings.name, settings.daemon, settings.parent_name);
  const pid_t parent = sys().process.parent();
  const int parent_process = sys().process.open(parent);
  if (parent_process < 0 && parent_process != -ESRCH) {
    throw std::system_error(-parent_process, std::generic_category(),
                            "coeval::multiprocessing: a child has no descriptor of its parent");
  }
  family().current = std::make_shared<ProcessState>(
      ProcessKind::current, settings.name, settings.daemon, sys().getpid(), FileDescriptor());
  family().parent = std::make_shared<ProcessState>(ProcessKind::parent, settings.parent_name, false,
                                                   parent, FileDescriptor(parent_process));
  sys().thread_set_name(sys().thread_self(), settings.name.substr(0, 15).c_str());
  const auto entry = reinterpret_cast<Entry>(read_code(archive));
  stack.watch([&] { entry(archive); });
}

// Without the exception's text if there is no memory for it.
void report_exception(const ThrowStack& stack) noexcept {
  try {
    log(Severity::error, "coeval.multiprocessing",
        fmt::format("exception in process '{}': {}{}{}", current_state().name(),
                    describe(std::current_exception()), stack.empty() ? "" : "\n", stack.text()));
  } catch (...) {
    log(Severity::error, "coeval.multiprocessing",
        "exception in a process, which has no memory to say which");
  }
}

// What the child needs before anything else.
void open_control() {
  const int control = sys().descriptor.duplicate(control_descriptor);
  if (control < 0) {
    throw std::system_error(-control, std::generic_category(),
                            "coeval::multiprocessing: a child has no descriptor for its parent");
  }
  family().control.reset(control);
  sys().descriptor.close(control_descriptor);
  close_standard_input();
  on_exit(&report_exit, nullptr);
}

int run_child() {
  ThrowStack stack;
  try {
    open_control();
    auto parcel = receive_target();
    if (!parcel.has_value()) {
      return 1;
    }
    call_target(*std::move(parcel), stack);
    return 0;
  } catch (const SystemExit& end) {
    return end.code();
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_exit: the other threads go on, as after that of a main()
  } catch (...) {
    report_exception(stack);
    return 1;
  }
}

}  // namespace

bool can_start_children() noexcept {
  return taken_over.load(std::memory_order_acquire) != 0;
}

void children_can_be_started() noexcept {
  taken_over.store(1, std::memory_order_release);
}

std::vector<std::string> child_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  variables.push_back(fmt::format("{}={}", mark, sys().getpid()));
  return variables;
}

bool run_if_child(int* exitcode) {
  const pid_t parent = marked_parent();
  ::unsetenv(mark);  // NOLINT(concurrency-mt-unsafe): before main()
  if (parent == 0) {
    return false;
  }
  // It would be an orphan; or it is one already, if the parent died before the kernel knew.
  if (sys().process.die_with_parent() != 0 || sys().process.parent() != parent) {
    std::_Exit(1);
  }
  *exitcode = run_child();
  return true;
}

ProcessState& current_state() {
  return *family().current;
}

std::shared_ptr<ProcessState> parent_state() {
  return family().parent;
}

}  // namespace coeval::multiprocessing::detail

namespace coeval::multiprocessing {

void freeze_support() {
  int exitcode = 0;
  detail::children_can_be_started();
  if (detail::run_if_child(&exitcode)) {
    std::exit(exitcode);  // NOLINT(concurrency-mt-unsafe): as the return from main() that it is
  }
}

}  // namespace coeval::multiprocessing
