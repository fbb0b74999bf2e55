// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/exchange/crash_site.hpp"

#include "core/code_place.hpp"
#include "core/frame_names.hpp"

#include <coeval/core/system.hpp>

#include <signal.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace coeval::detail {
namespace {

constexpr std::array fatal_signals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

// For the handler, which has no other way to them.
CrashSite* site_of_this_process = nullptr;
pid_t owner_of_site = 0;  // and not a child that a task forked
std::array<struct sigaction, fatal_signals.size()> before;
std::uintptr_t outermost = UINTPTR_MAX;  // frame

// Puts one address down. A module whose path is too long is none.
void put_down(CrashSite::Frame& frame, std::uintptr_t address) noexcept {
  const CodePlace place = place_of_code(address);
  const std::size_t length =
      place.module != nullptr ? strnlen(place.module, CrashSite::most_path) : CrashSite::most_path;
  const bool fits = length < CrashSite::most_path;
  frame.offset = fits ? place.offset : address;
  std::memcpy(frame.path.data(), fits ? place.module : "?", fits ? length + 1 : 2);
}

struct Walk {
  CrashSite& site;
  std::uint32_t count = 0;
  bool below_signal = false;
};

// The frame that the signal interrupted is the first of interest: its address is that of the
// instruction itself, while the others' are where their calls return to.
_Unwind_Reason_Code visit(_Unwind_Context* context, void* data) noexcept {
  Walk& walk = *static_cast<Walk*>(data);
  int is_exact = 0;
  const std::uintptr_t address = _Unwind_GetIPInfo(context, &is_exact);
  walk.below_signal = walk.below_signal || is_exact != 0;
  if (walk.below_signal && _Unwind_GetCFA(context) > outermost) {
    return _URC_END_OF_STACK;
  }
  if (walk.below_signal && address != 0) {
    put_down(walk.site.frame[walk.count++], is_exact != 0 ? address : address - 1);
  }
  return walk.count < CrashSite::most_frames ? _URC_NO_REASON : _URC_END_OF_STACK;
}

// Puts the stack down, in place of that of an earlier fault.
void record(int signal) noexcept {
  Walk walk{.site = *site_of_this_process};
  walk.site.frames.store(0, std::memory_order_relaxed);
  _Unwind_Backtrace(visit, &walk);
  walk.site.signal.store(signal, std::memory_order_relaxed);
  walk.site.frames.store(walk.count, std::memory_order_release);
}

const struct sigaction* before_of(int signal) noexcept {
  const auto* const place = std::ranges::find(fatal_signals, signal);
  return &before[static_cast<std::size_t>(place - fatal_signals.begin())];
}

bool is_handler(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0 ||
         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

// The program's own handler, as the kernel would call it.
void call(const struct sigaction& action, int signal, siginfo_t* info, void* context) noexcept {
  sigset_t mask = action.sa_mask;
  if ((action.sa_flags & SA_NODEFER) == 0) {
    sigaddset(&mask, signal);
  }
  sigset_t own;
  pthread_sigmask(SIG_BLOCK, &mask, &own);
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, info, context);
  } else {
    action.sa_handler(signal);
  }
  pthread_sigmask(SIG_SETMASK, &own, nullptr);
}

void on_crash(int signal, siginfo_t* info, void* context) noexcept;

bool is_in_force(int signal) noexcept {
  struct sigaction now{};
  return sigaction(signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
         now.sa_sigaction == &on_crash;
}

// Where the program has a handler of its own, the fault may be one that it plans and mends: what was
// recorded is forgotten when that handler returns, unless it has given up by taking this one away.
// Abort goes on to end the process whatever a handler does.
void on_crash(int signal, siginfo_t* info, void* context) noexcept {
  const int error = errno;
  const bool is_own = sys().getpid() == owner_of_site;
  if (is_own) {
    record(signal);
  }
  const struct sigaction& earlier = *before_of(signal);
  if (is_handler(earlier)) {
    call(earlier, signal, info, context);
    if (is_own && signal != SIGABRT && is_in_force(signal)) {
      site_of_this_process->frames.store(0, std::memory_order_relaxed);
    }
    errno = error;
    return;
  }
  sigaction(signal, &earlier, nullptr);
  // A fault comes again when this returns; what somebody sent does not.
  if (info->si_code <= 0) {
    raise(signal);
  }
  errno = error;
}

}  // namespace

void note_crashes(CrashSite& site) {
  // The first unwinding may load and allocate; not in the handler.
  const auto nothing = [](_Unwind_Context*, void*) { return _URC_END_OF_STACK; };
  _Unwind_Backtrace(nothing, nullptr);
  constexpr std::size_t stack_size = std::size_t{64} << 10;
  static std::array<std::byte, stack_size> stack;
  const stack_t own{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
  sigaltstack(&own, nullptr);
  site_of_this_process = &site;
  owner_of_site = sys().getpid();
  struct sigaction action{};
  action.sa_sigaction = &on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) {
    sigaction(fatal_signals[i], &action, &before[i]);
  }
}

CrashLimit::CrashLimit() noexcept {
  outermost = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

CrashLimit::~CrashLimit() {
  outermost = UINTPTR_MAX;
}

std::string crash_lines(const CrashSite& site, int signal) {
  if (site.signal.load(std::memory_order_relaxed) != signal) {
    return {};  // of a fault that the process has survived
  }
  const std::size_t count =
      std::min<std::size_t>(site.frames.load(std::memory_order_acquire), CrashSite::most_frames);
  std::vector<std::uintptr_t> addresses;
  for (std::size_t i = 0; i < count; ++i) {
    CrashSite::Frame frame;
    std::memcpy(&frame, &site.frame[i], sizeof frame);
    const std::string_view path(frame.path.data(), strnlen(frame.path.data(), frame.path.size()));
    if (const std::uintptr_t address = address_of_code(path, frame.offset); address != 0) {
      addresses.push_back(address);
    }
  }
  return addresses.empty() ? std::string() : frame_lines(addresses);
}

}  // namespace coeval::detail
