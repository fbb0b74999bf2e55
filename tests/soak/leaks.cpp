// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "soak/leaks.hpp"

#include "support/sanitizers.hpp"

#include <malloc.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace soak {
namespace {

using coeval::testing::Holdings;

// Room for the free blocks that an allocator keeps in between; a leak of a soak is larger.
constexpr long allowed_kb = 128 * 1024;

long resident_kb() {
  ::malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) {
      return std::stol(line.substr(6));
    }
  }
  return 0;
}

bool is_more(const Holdings& now, const Holdings& before) {
  return now.descriptors > before.descriptors || now.mappings > before.mappings ||
         now.threads > before.threads || now.children > before.children;
}

}  // namespace

Leaks::Leaks() : before_(Holdings::now()), resident_kb_(resident_kb()) {}

void Leaks::find(Ledger& ledger) const {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  Holdings now = Holdings::now();
  while (is_more(now, before_) && std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();
    now = Holdings::now();
  }
  if (is_more(now, before_)) {
    ledger.found(Fault::leaked,
                 "there were " + to_string(before_) + ", and there are " + to_string(now));
  }
  const long kb = resident_kb();
  if (!support::under_sanitizer && kb > resident_kb_ + allowed_kb) {
    ledger.found(Fault::leaked, "memory: " + std::to_string(resident_kb_) + " KB before, " +
                                    std::to_string(kb) + " KB now");
  }
}

}  // namespace soak
