// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker of a process pool that keeps to the protocol, so that its pool goes on with it, and
// answers each task with nonsense.

#include <coeval/core/file_descriptor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace support {

// What a result of each kind of task looks like, and a raised exception: the nonsense is made of it.
// A task tells its kind by the last byte of its arguments.
struct HostileSamples {
  static constexpr std::size_t kinds = 6;
  std::array<std::vector<std::byte>, kinds> results;
  std::vector<std::vector<std::byte>> exceptions;
};

// To be called as a pool's initializer, in the worker: ends the setup well, and answers every task,
// until the pool closes, which ends the process. flips: a second thread changes all the time what
// the first one has answered.
[[noreturn]] void answer_with_nonsense(const HostileSamples& samples, std::uint64_t seed,
                                       bool flips);

// The same, but ends the setup with nonsense, and does nothing more.
[[noreturn]] void end_setup_with_nonsense();

}  // namespace support
