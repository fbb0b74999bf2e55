// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/worker/memory_watch.hpp"

#include <coeval/core/system.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

namespace coeval::detail {
namespace {

// Of tasks, between two questions.
constexpr std::int64_t pause_ns = 50'000;

// Data and stacks of this process, as RLIMIT_DATA counts them: the sixth number of statm, in pages.
// 0 if the kernel does not tell. See proc(5).
std::uint64_t memory_in_use() noexcept {
  std::array<char, 256> text;
  const ssize_t size = sys().read_file("/proc/self/statm", text.data(), text.size());
  if (size <= 0) {
    return 0;
  }
  std::string_view rest(text.data(), static_cast<std::size_t>(size));
  constexpr int before = 5;
  for (int i = 0; i < before; ++i) {
    rest.remove_prefix(std::min(rest.find(' '), rest.size() - 1) + 1);
  }
  std::uint64_t pages = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void MemoryWatch::begin(const MemoryRules& rules) noexcept {
  most_ = rules.recycle_above != 0 ? rules.recycle_above : UINT64_MAX;
  if (rules.is_default && rules.limit != 0) {
    const std::uint64_t own = memory_in_use();
    most_ =
        own >= rules.limit ? UINT64_MAX : std::max(rules.limit / 2, own + (rules.limit - own) / 2);
  }
}

bool MemoryWatch::is_above_after(std::int64_t wall_ns) noexcept {
  if (most_ == UINT64_MAX) {
    return false;
  }
  unasked_ns_ += std::max<std::int64_t>(wall_ns, 1);
  return unasked_ns_ >= pause_ns && ask();
}

bool MemoryWatch::is_above_at_rest() noexcept {
  return unasked_ns_ != 0 && ask();
}

bool MemoryWatch::ask() noexcept {
  unasked_ns_ = 0;
  return memory_in_use() > most_;
}

}  // namespace coeval::detail
