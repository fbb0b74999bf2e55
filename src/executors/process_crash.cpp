// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/process_crash.hpp"

#include "core/frame_names.hpp"

#include <coeval/core/system.hpp>

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
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

// Puts one address down, as its module and the place there. _dl_find_object() is safe in a signal
// handler: see "Dynamic Linker Introspection" in the manual of the GNU C library.
void put_down(CrashSite::Frame& frame, std::uintptr_t address) noexcept {
  frame.offset = address;
  frame.path[0] = '?';
  frame.path[1] = '\0';
  dl_find_object module{};
  if (_dl_find_object(reinterpret_cast<void*>(address), &module) != 0 ||
      module.dlfo_link_map == nullptr) {
    return;
  }
  const char* const path = module.dlfo_link_map->l_name;
  std::size_t length = 0;
  while (path[length] != '\0') {
    ++length;
  }
  if (length < CrashSite::most_path) {
    std::memcpy(frame.path.data(), path, length + 1);
    frame.offset = address - module.dlfo_link_map->l_addr;
  }
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

void on_crash(int signal, siginfo_t* info, void*) noexcept {
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) {
    if (fatal_signals[i] == signal) {
      sigaction(signal, &before[i], nullptr);
    }
  }
  Walk walk{.site = *site_of_this_process};
  if (walk.site.frames.load(std::memory_order_relaxed) == 0 && sys().getpid() == owner_of_site) {
    _Unwind_Backtrace(visit, &walk);
    walk.site.frames.store(walk.count, std::memory_order_release);
  }
  // A fault comes again when this returns; what somebody sent does not.
  if (info->si_code <= 0) {
    raise(signal);
  }
}

// The address of the place in a module of this process; 0 if it has none of that name.
std::uintptr_t address_here(std::string_view path, std::uint64_t offset) {
  struct Search {
    std::string_view path;
    std::uint64_t offset;
    std::uintptr_t found = 0;
  } search{.path = path, .offset = offset};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        Search& wanted = *static_cast<Search*>(data);
        if (wanted.path != info->dlpi_name) {
          return 0;
        }
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          if (segment.p_type == PT_LOAD && wanted.offset >= segment.p_vaddr &&
              wanted.offset - segment.p_vaddr < segment.p_memsz) {
            wanted.found = info->dlpi_addr + wanted.offset;
          }
        }
        return 1;
      },
      &search);
  return search.found;
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

std::string crash_lines(const CrashSite& site) {
  const std::size_t count =
      std::min<std::size_t>(site.frames.load(std::memory_order_acquire), CrashSite::most_frames);
  std::vector<std::uintptr_t> addresses;
  for (std::size_t i = 0; i < count; ++i) {
    CrashSite::Frame frame;
    std::memcpy(&frame, &site.frame[i], sizeof frame);
    const std::string_view path(frame.path.data(), strnlen(frame.path.data(), frame.path.size()));
    if (const std::uintptr_t address = address_here(path, frame.offset); address != 0) {
      addresses.push_back(address);
    }
  }
  return addresses.empty() ? std::string() : frame_lines(addresses);
}

}  // namespace coeval::detail
