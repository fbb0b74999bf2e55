// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker of a process pool that keeps to the protocol, so that its pool goes on with it, and
// answers each task with nonsense.

#include <coeval/core/file_descriptor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace coeval::detail {
struct WorkerInbox;
struct WorkerOutbox;
}  // namespace coeval::detail

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

// Answers in the same way, for a pool's side that has no process.
class HostileHand {
 public:
  // All of them outlive it. socket: the worker's end.
  HostileHand(const HostileSamples& samples, std::uint64_t seed,
              const coeval::detail::WorkerInbox& inbox, coeval::detail::WorkerOutbox& outbox,
              int socket);
  HostileHand(const HostileHand&) = delete;
  HostileHand& operator=(const HostileHand&) = delete;
  ~HostileHand();

  void end_setup();
  // From now on a second thread changes all the time what was answered.
  void flip();
  // Answers what was posted.
  void answer();

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

// A worker that ends the setup with nonsense, and does nothing more.
[[noreturn]] void end_setup_with_nonsense();

}  // namespace support
