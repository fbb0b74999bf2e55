// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/processes/process_state.hpp"

#include "multiprocessing/channels/closer.hpp"
#include "multiprocessing/channels/packet_socket.hpp"
#include "multiprocessing/processes/birth.hpp"
#include "multiprocessing/processes/child.hpp"
#include "multiprocessing/processes/start_line.hpp"
#include "multiprocessing/processes/supervisor.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

std::string next_name() {
  static atomic<unsigned> started{0};
  const unsigned number = started.fetch_add(1, std::memory_order_relaxed) + 1;
  const bool first = parent_state() == nullptr;
  return first ? fmt::format("Process-{}", number)
               : fmt::format("{}:{}", current_state().name(), number);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

struct Spawned {
  SpawnedChild child;
  std::unique_ptr<SpawnThread> thread;  // of a worker: none
};

// What the child answers by default, or in its own way, once it can: see begin_with_signals().
sigset_t held_signals() {
  sigset_t held{};
  sigemptyset(&held);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    sigaddset(&held, signal);
  }
  return held;
}

Spawned spawn(const std::string& name, const FileDescriptor& control, ChildKind kind) {
  // What ps shows: the program as it was called, and the process's name.
  std::vector<std::string> arguments = StartLine::of_this_process().arguments("coeval:" + name);
  std::vector<std::string> environment = child_environment();
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(environment);
  const sigset_t held = held_signals();
  const SpawnRequest request{.path = child_path,
                             .arguments = argument_pointers.data(),
                             .environment = environment_pointers.data(),
                             .descriptor = control.get(),
                             .blocked = &held};
  Spawned spawned;
  try {
    if (kind == ChildKind::worker) {
      if (const int error = spawn_child(request, &spawned.child); error != 0) {
        throw std::system_error(
            error, std::generic_category(),
            "coeval::multiprocessing::Process::start: the kernel gives no process");
      }
    } else {
      spawned.thread = std::make_unique<SpawnThread>(request);
      spawned.child = std::move(spawned.thread->child());
    }
    return spawned;
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) {
      throw;
    }
    throw std::system_error(
        error.code(),
        "coeval::multiprocessing::Process::start: there is no /proc/self/exe, by "
        "which a child is this program again; mount /proc");
  }
}

}  // namespace

ProcessState::ProcessState(std::string name, bool daemon, pickle::Parcel target)
    : kind_(ProcessKind::child),
      name_(name.empty() ? next_name() : std::move(name)),
      daemon_(daemon),
      target_(std::move(target)) {}

ProcessState::ProcessState(ProcessKind kind, std::string name, bool daemon, pid_t pid,
                           FileDescriptor process)
    : kind_(kind),
      status_(Status::started),
      name_(std::move(name)),
      daemon_(daemon),
      pid_(pid),
      starter_(sys().getpid()),
      process_(std::move(process)) {}

std::shared_ptr<ProcessState> ProcessState::owning(std::shared_ptr<ProcessState> state) {
  ProcessState* const raw = state.get();
  return {raw, [state = std::move(state)](ProcessState*) { state->own_join(); }};
}

Process ProcessState::handle() {
  return Process(shared_from_this());
}

// The last owning handle is gone.
void ProcessState::own_join() noexcept {
  {
    const threading::Guard guard(lock_);
    if (status_ != Status::started || daemon_ || starter_ != sys().getpid()) {
      return;
    }
  }
  ended_.wait();
}

void ProcessState::require_started(const char* caller) {
  if (status_ == Status::closed) {
    throw RuntimeError(
        fmt::format("coeval::multiprocessing::Process::{}: '{}' is closed", caller, name_));
  }
  if (status_ == Status::initial) {
    throw RuntimeError(fmt::format(
        "coeval::multiprocessing::Process::{}: '{}' was not started; call start()", caller, name_));
  }
  if (kind_ == ProcessKind::child && starter_ != sys().getpid()) {
    throw RuntimeError(fmt::format(
        "coeval::multiprocessing::Process::{}: '{}' is no child of this process", caller, name_));
  }
}

void ProcessState::start(ChildKind kind) {
  const threading::Guard guard(lock_);
  if (status_ != Status::initial) {
    throw RuntimeError(fmt::format(
        "coeval::multiprocessing::Process::start: '{}' was started before; make a new Process",
        name_));
  }
  if (current_state().daemon()) {
    throw RuntimeError(fmt::format(
        "coeval::multiprocessing::Process::start: '{}' would be the child of a daemon, which may "
        "have none",
        name_));
  }
  require_children_possible();
  auto message = pickle::OutputArchive::with_descriptors();
  message(name_, daemon_, current_state().name(), kind == ChildKind::worker);
  pickle::Parcel settings = message.take();
  settings.bytes.insert(settings.bytes.end(), target_.bytes.begin(), target_.bytes.end());

  Supervisor& supervisor = Supervisor::get();
  Supervisor::Place place = supervisor.reserve();
  auto [ours, theirs] = packet_sockets();
  auto [line, their_line] = packet_sockets();  // nothing is ever sent there: see tie_to_socket()
  Spawned started = spawn(name_, theirs, kind);
  theirs.reset();
  // Only now, so that the child cannot end and be forgotten by the kernel (of a program that ignores
  // SIGCHLD) before there is a descriptor of it. The socket has room, so this does not wait.
  try {
    send_packet(ours.get(), {}, std::span(&their_line, 1), never);
    send_packet(ours.get(), settings.bytes, target_.descriptors, never);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::broken_pipe) {
      sys().process.discard(started.child.pid);
      throw;
    }
    // It has ended already, and keeps its exit code; or it has closed the socket and waits for ever.
    sys().process.signal(started.child.process.get(), SIGKILL);
  } catch (...) {
    sys().process.discard(started.child.pid);
    throw;
  }
  pid_ = started.child.pid;
  process_ = std::move(started.child.process);
  spawner_ = std::move(started.thread);
  line_ = std::move(line);
  starter_ = sys().getpid();
  target_ = {};
  status_ = Status::started;
  supervisor.watch(std::move(place), shared_from_this());
}

bool ProcessState::join(Deadline deadline) {
  {
    const threading::Guard guard(lock_);
    require_started("join");
    if (kind_ == ProcessKind::current) {
      throw RuntimeError("coeval::multiprocessing::Process::join: a process cannot join itself");
    }
  }
  if (kind_ == ProcessKind::child) {
    return ended_.wait(deadline);
  }
  while (true) {
    pollfd parent{.fd = pidfd(), .events = POLLIN, .revents = 0};
    if (parent.fd < 0) {
      return true;
    }
    const int ready = sys().descriptor.poll(&parent, 1, deadline.nanoseconds());
    if (ready >= 0) {
      return ready > 0;
    }
    if (ready != -EINTR) {
      throw std::system_error(-ready, std::generic_category(),
                              "coeval::multiprocessing::Process::join of the parent: poll");
    }
  }
}

// The supervisor calls it: what a child has left in its socket must not hold that up.
void ProcessState::ended(int exitcode) noexcept {
  std::unique_ptr<SpawnThread> spawner;
  {
    const threading::Guard guard(lock_);
    spawner = std::move(spawner_);
  }
  spawner.reset();  // before anybody knows of the end: then nothing is left of the process
  FileDescriptor line;
  {
    const threading::Guard guard(lock_);
    exitcode_ = exitcode;
    status_ = Status::ended;
    line = std::move(line_);
  }
  close_packet_socket(std::move(line));
  ended_.set();
}

int ProcessState::pidfd() noexcept {
  const threading::Guard guard(lock_);
  return process_.get();
}

int ProcessState::reap(int* exitcode) noexcept {
  const threading::Guard guard(lock_);
  const int error = sys().process.reap(process_.get(), exitcode);
  is_reaped_ = error != EAGAIN;
  return error;
}

std::optional<int> ProcessState::reported_exitcode() noexcept {
  try {
    const threading::Guard guard(lock_);
    const pickle::Parcel report =
        peek_packet(line_.get(), sizeof(int), Deadline(std::chrono::seconds(0)));
    int code = 0;
    if (report.bytes.size() == sizeof code) {
      std::memcpy(&code, report.bytes.data(), sizeof code);
      return code;
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): it did not say
  }
  return std::nullopt;
}

void ProcessState::close() {
  const threading::Guard guard(lock_);
  if (status_ == Status::started) {
    throw RuntimeError(fmt::format(
        "coeval::multiprocessing::Process::close: '{}' is running; join() or kill() it first",
        name_));
  }
  process_.reset();
  target_ = {};
  status_ = Status::closed;
}

// The kernel kills a child whose line has lost its other end: see tie_to_socket(). False if there is
// no such line.
bool ProcessState::hang_up() noexcept {
  return line_ && sys().descriptor.shutdown(line_.get(), SHUT_RDWR) == 0;
}

// The kernel refuses a signal to a child that has changed its user, and every signal under the filter
// of a sandbox.
void ProcessState::send_signal(int number, const char* caller) {
  const threading::Guard guard(lock_);
  require_started(caller);
  if (status_ == Status::ended || is_reaped_) {
    return;
  }
  const int opened = kind_ == ProcessKind::current ? sys().process.open(pid_) : 0;
  const FileDescriptor self(kind_ == ProcessKind::current ? opened : -1);
  const int error =
      opened < 0 ? -opened : sys().process.signal(self ? self.get() : process_.get(), number);
  if (error != 0 && error != ESRCH && !(number == SIGKILL && hang_up())) {
    throw std::system_error(
        error, std::generic_category(),
        fmt::format("coeval::multiprocessing::Process::{} of '{}'", caller, name_));
  }
}

int ProcessState::sentinel() {
  const threading::Guard guard(lock_);
  require_started("sentinel");
  return process_.get();
}

bool ProcessState::is_initial() {
  const threading::Guard guard(lock_);
  return status_ == Status::initial;
}

bool ProcessState::is_alive() {
  if (kind_ == ProcessKind::parent) {
    return !join(Deadline(std::chrono::seconds(0)));
  }
  const threading::Guard guard(lock_);
  if (status_ == Status::initial) {
    return false;
  }
  require_started("is_alive");
  return status_ == Status::started;
}

std::optional<int> ProcessState::exitcode() {
  const threading::Guard guard(lock_);
  if (status_ == Status::closed) {
    require_started("exitcode");
  }
  return status_ == Status::ended ? std::optional(exitcode_) : std::nullopt;
}

std::optional<pid_t> ProcessState::pid() {
  const threading::Guard guard(lock_);
  if (status_ == Status::closed) {
    require_started("pid");
  }
  return pid_ != 0 ? std::optional(pid_) : std::nullopt;
}

std::string ProcessState::name() {
  const threading::Guard guard(lock_);
  return name_;
}

void ProcessState::set_name(std::string name) {
  const threading::Guard guard(lock_);
  name_ = std::move(name);
}

bool ProcessState::daemon() {
  const threading::Guard guard(lock_);
  return daemon_;
}

void ProcessState::set_daemon(bool daemon) {
  const threading::Guard guard(lock_);
  if (status_ != Status::initial) {
    throw RuntimeError(fmt::format(
        "coeval::multiprocessing::Process::set_daemon: '{}' was started before", name_));
  }
  daemon_ = daemon;
}

}  // namespace coeval::multiprocessing::detail
