// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an atomic of the model does inside an exploration. Values are passed as their bits.

#include <atomic>
#include <cstdint>
#include <source_location>

namespace model {

// Whether the caller is a thread of an execution. Outside, atomics are plain variables.
bool exploring() noexcept;

// One access to an atomic.
struct Access {
  const void* address;
  std::memory_order order;
  const std::source_location& where;
};

// The scheduling point, which comes before all else: the atomic's value may change in it.
void before(const Access& access);

// Then the access itself; newest is what the atomic holds.
std::uint64_t load(const Access& access, std::uint64_t newest);
void store(const Access& access, std::uint64_t newest, std::uint64_t value);
void modify(const Access& access, const char* name, std::uint64_t newest, std::uint64_t value);

// Whether the exchange takes place, and the value that was compared.
struct Compared {
  bool equal;
  std::uint64_t value;
};
Compared compare_exchange(const Access& access, std::memory_order failure, bool weak,
                          std::uint64_t newest, std::uint64_t expected, std::uint64_t desired);

// Sleeps if the low half of the value is the low half of expected; false: the deadline passed.
bool wait(const Access& access, const std::uint64_t& newest, std::uint64_t expected,
          std::int64_t deadline_ns);
void notify(const Access& access, bool all);

// An atomic begins its life at this address.
void construct(const void* address, std::uint64_t value);

// A turn of a spin loop.
void pause(const std::source_location& where);

}  // namespace model
