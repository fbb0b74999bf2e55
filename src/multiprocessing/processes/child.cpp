// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/processes/child.hpp"

#include "multiprocessing/channels/packet_socket.hpp"
#include "multiprocessing/processes/birth.hpp"
#include "multiprocessing/processes/parent_tie.hpp"
#include "multiprocessing/processes/start_line.hpp"

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
#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();

constinit atomic<std::uint32_t> takeover{static_cast<std::uint32_t>(Takeover::unknown)};

// What this process knows about itself. Made at first use, never destroyed.
struct Family {
  std::shared_ptr<ProcessState> current = std::make_shared<ProcessState>(
      ProcessKind::current, "MainProcess", false, sys().getpid(), FileDescriptor());
  std::shared_ptr<ProcessState> parent;
  FileDescriptor line;  // of a child: the socket to its parent, whose end is open while that lives
};

Family& family() {
  static Family& family = *new Family;
  return family;
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
    send_packet(family().line.get(), bytes, {}, Deadline(std::chrono::seconds(0)));
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the parent is gone or asleep
  }
}

// What the parent sends: the line, and the target. Nothing if it is gone.
std::optional<pickle::Parcel> receive_target(const FileDescriptor& control) {
  try {
    family().line = std::move(receive_packet(control.get(), any_size, never).descriptors.at(0));
    return receive_packet(control.get(), any_size, never);
  } catch (const EOFError&) {
    return std::nullopt;
  }
}

// No signal is blocked, whatever the parent does with those that it waits for, and SIGTERM, by which
// terminate() ends a process, does so though the parent ignores it. SIGHUP, SIGINT and SIGTERM were
// blocked until now.
void begin_with_signals() noexcept {
  ::signal(SIGTERM, SIG_DFL);
  sigset_t none{};
  sigemptyset(&none);
  sys().process.block_signals(&none);
}

void call_target(pickle::Parcel parcel, ThrowStack& stack) {
  pickle::InputArchive archive(parcel.bytes, parcel.descriptors);
  ChildSettings settings;
  archive(settings.name, settings.daemon, settings.parent_name, settings.is_worker);
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
  tie_to_socket(family().line.get());
  if (!settings.is_worker) {
    begin_with_signals();
  }
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
FileDescriptor open_control() {
  const int control = sys().descriptor.duplicate(control_descriptor);
  if (control < 0) {
    throw std::system_error(-control, std::generic_category(),
                            "coeval::multiprocessing: a child has no descriptor for its parent");
  }
  sys().descriptor.close(control_descriptor);
  close_standard_input();
  on_exit(&report_exit, nullptr);
  return FileDescriptor(control);
}

// It has no parent that would tell the user.
void report_uncertainty(const char* doubt) noexcept {
  try {
    log(Severity::critical, "coeval.multiprocessing",
        fmt::format("this process was started as a child of coeval's, and cannot be one: {}; it "
                    "ends",
                    doubt));
  } catch (...) {
    log(Severity::critical, "coeval.multiprocessing", doubt);
  }
}

int run_child() {
  ThrowStack stack;
  try {
    auto parcel = receive_target(open_control());
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

void note_takeover(Takeover stage) noexcept {
  takeover.store(static_cast<std::uint32_t>(stage), std::memory_order_release);
}

void require_children_possible() {
  switch (static_cast<Takeover>(takeover.load(std::memory_order_acquire))) {
    case Takeover::done:
      break;
    case Takeover::to_come:
      throw RuntimeError(
          "coeval::multiprocessing::Process::start: main() has not begun, and a child of a static "
          "initialiser would run that initialiser again, without end; start processes and make "
          "process pools in main(), or at first use there");
    case Takeover::unknown:
      throw RuntimeError(
          "coeval::multiprocessing::Process::start: this program cannot be taken over in a child: "
          "it is linked with -static, or has loaded coeval with a plug-in; call "
          "coeval::multiprocessing::freeze_support() as the first line of its main(), or link it "
          "with the shared library of coeval. Or this is the initialiser of a library, and main() "
          "has not begun: then start processes later");
  }
  require_certain_children();
}

bool run_if_child(int* exitcode) {
  const Birth birth = look_at_birth();
  if (birth.kind == Birth::Kind::program) {
    return false;
  }
  if (birth.kind == Birth::Kind::uncertain) {
    report_uncertainty(birth.doubt);
    std::_Exit(birth.may_pass ? 1 : uncertain_exitcode);
  }
  // It would be an orphan; or it is one already, if the parent died before the kernel knew.
  if (!tie_to_parent(birth.parent)) {
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
  detail::note_takeover(detail::Takeover::done);
  detail::StartLine::note();
  if (detail::run_if_child(&exitcode)) {
    std::exit(exitcode);  // NOLINT(concurrency-mt-unsafe): as the return from main() that it is
  }
}

}  // namespace coeval::multiprocessing
