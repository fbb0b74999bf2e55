// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/process.hpp>

#include "multiprocessing/processes/child.hpp"
#include "multiprocessing/processes/process_state.hpp"
#include "multiprocessing/processes/supervisor.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/core/errors.hpp>

#include <fmt/format.h>

#include <csignal>

namespace coeval::multiprocessing {

using detail::ProcessState;

std::shared_ptr<ProcessState> Process::make(ProcessOptions options, pickle::Parcel target) {
  return ProcessState::owning(
      std::make_shared<ProcessState>(std::move(options.name), options.daemon, std::move(target)));
}

ProcessState& Process::state() const {
  if (state_ == nullptr) {
    throw RuntimeError("coeval::multiprocessing::Process: this handle is of no process");
  }
  return *state_;
}

void Process::start() {
  state().start(detail::ChildKind::process);
}
bool Process::join(Deadline deadline) const {
  return state().join(deadline);
}
bool Process::is_alive() const {
  return state().is_alive();
}
std::optional<int> Process::exitcode() const {
  return state().exitcode();
}
std::optional<pid_t> Process::pid() const {
  return state().pid();
}
void Process::terminate() const {
  state().send_signal(SIGTERM, "terminate");
}
void Process::kill() const {
  state().send_signal(SIGKILL, "kill");
}
int Process::sentinel() const {
  return state().sentinel();
}
void Process::close() {
  state().close();
}
std::string Process::name() const {
  return state().name();
}
void Process::set_name(std::string name) {
  state().set_name(std::move(name));
}
bool Process::daemon() const {
  return state().daemon();
}
void Process::set_daemon(bool daemon) {
  state().set_daemon(daemon);
}

std::string to_string(const Process& process) {
  if (!process) {
    return "<Process none>";
  }
  ProcessState& state = process.state();
  const char* const daemon = state.daemon() ? ", daemon" : "";
  if (state.is_initial()) {
    return fmt::format("<Process({}, initial{})>", state.name(), daemon);
  }
  if (const auto code = state.exitcode()) {
    return fmt::format("<Process({}, stopped, exitcode {}{})>", state.name(), *code, daemon);
  }
  return fmt::format("<Process({}, started, pid {}{})>", state.name(), state.pid().value_or(0),
                     daemon);
}

Process current_process() {
  return detail::current_state().handle();
}

Process parent_process() {
  const std::shared_ptr<ProcessState> parent = detail::parent_state();
  return parent != nullptr ? parent->handle() : Process();
}

std::vector<Process> active_children() {
  std::vector<Process> children;
  if (detail::Supervisor* const supervisor = detail::Supervisor::known()) {
    for (const auto& child : supervisor->children()) {
      children.push_back(child->handle());
    }
  }
  return children;
}

int cpu_count() noexcept {
  return usable_cpu_count();
}

}  // namespace coeval::multiprocessing
