// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a hostile worker sends over the socket to its pool, and the numbers that it is made of.

#include "executors/processes/exchange/region.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace support {

// Marsaglia's xorshift64*, as it takes no longer than a frame.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint64_t operator()() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1D;
  }
  std::uint64_t below(std::uint64_t end) noexcept { return (*this)() % end; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

// A number of the kind that breaks things.
inline std::uint64_t awkward(Random& random) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  switch (random.below(6)) {
    case 0:
      return random.below(64);
    case 1:
      return coeval::detail::outbox_room - 32 + random.below(64);
    case 2:
      return most - random.below(64);
    case 3:
      return most - coeval::detail::outbox_room + random.below(64);
    case 4:
      return std::uint64_t{1} << random.below(64);
    default:
      return random();
  }
}

class HostilePackets {
 public:
  // Finds the socket.
  explicit HostilePackets(Random& random);
  HostilePackets(Random& random, int socket) noexcept : random_(random), socket_(socket) {}

  void send_notice();
  // Descriptors and buffers that are none, at about this position: returns how many descriptors a
  // result there may say that it has.
  std::uint32_t send_nonsense(std::uint32_t position);

 private:
  int some_file();
  void send(const coeval::detail::PacketHead& head, std::span<const std::byte> more,
            std::span<const int> files);

  Random& random_;
  const int socket_;
};

}  // namespace support
