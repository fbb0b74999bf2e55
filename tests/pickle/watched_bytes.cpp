// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "pickle/watched_bytes.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <system_error>

namespace coeval::testing {
namespace {

constexpr std::size_t page_size = 4096;
constexpr greg_t trap_flag = 0x100;

struct Watch {
  std::span<std::byte> page;
  const std::byte* first = nullptr;
  std::vector<int>* accesses = nullptr;
  struct sigaction fault_before{};
  struct sigaction trap_before{};
};
Watch watch;

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto* const address = static_cast<const std::byte*>(info->si_addr);
  if (address < watch.page.data() || address >= watch.page.data() + watch.page.size()) {
    ::sigaction(signal, &watch.fault_before, nullptr);  // it comes again, to who was here before
    return;
  }
  if (address >= watch.first) {
    ++(*watch.accesses)[static_cast<std::size_t>(address - watch.first)];
  }
  ::mprotect(watch.page.data(), watch.page.size(), PROT_READ);
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] |= trap_flag;
}

void on_trap(int /*signal*/, siginfo_t* /*info*/, void* context) {
  ::mprotect(watch.page.data(), watch.page.size(), PROT_NONE);
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
}

}  // namespace

WatchedBytes::WatchedBytes(std::span<const std::byte> bytes) : accesses_(bytes.size()) {
  void* const memory =
      ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || bytes.size() > page_size) {
    throw std::system_error(errno, std::generic_category(), "WatchedBytes");
  }
  page_ = {static_cast<std::byte*>(memory), page_size};
  bytes_ = page_.last(bytes.size());
  std::ranges::copy(bytes, page_.end() - static_cast<std::ptrdiff_t>(bytes.size()));
  watch = {.page = page_, .first = bytes_.data(), .accesses = &accesses_};
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = &on_fault;
  ::sigaction(SIGSEGV, &action, &watch.fault_before);
  action.sa_sigaction = &on_trap;
  ::sigaction(SIGTRAP, &action, &watch.trap_before);
  ::mprotect(page_.data(), page_.size(), PROT_NONE);
}

WatchedBytes::~WatchedBytes() {
  ::sigaction(SIGSEGV, &watch.fault_before, nullptr);
  ::sigaction(SIGTRAP, &watch.trap_before, nullptr);
  ::munmap(page_.data(), page_.size());
}

}  // namespace coeval::testing
