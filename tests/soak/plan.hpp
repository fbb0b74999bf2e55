// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a soak does is decided by one number, the seed: the same seed makes the same tasks in the
// same order. Only what the machine decides differs: which worker runs what, and when.

#include <cstddef>
#include <cstdint>
#include <string>

namespace soak {

// A number that has something of every bit of the input: splitmix64's last steps.
constexpr std::uint64_t mixed(std::uint64_t n) noexcept {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;
  return n ^ (n >> 31);
}

// Random numbers of one thread; a value type.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t number() noexcept { return mixed(state_ += 0x9e3779b97f4a7c15ULL); }
  // 0 … end - 1; end is at least 1.
  std::uint64_t below(std::uint64_t end) noexcept { return number() % end; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }
  // 0 … most, where each power of two is as likely as the one before.
  std::size_t size_up_to(std::size_t most) noexcept;
  // Sizes as they occur: mostly small, some that do not fit a ring, a few of megabytes.
  std::size_t mixed_size() noexcept;

 private:
  std::uint64_t state_;
};

// How much of what a test does, and from which seed. COEVAL_SOAK_SEED sets the seed,
// COEVAL_SOAK_TASKS how many tasks all soaks together run, and COEVAL_SOAK_KILLS how many workers they
// kill; each test takes its share of them.
struct Plan {
  std::uint64_t seed = 0;
  long tasks = 0;
  long kills = 0;
  bool is_long = false;  // the numbers were set from outside: progress is told

  // share: of a hundred of COEVAL_SOAK_TASKS and COEVAL_SOAK_KILLS; without these, the numbers given,
  // and a tenth of them under a sanitizer.
  struct Share {
    int tasks = 0;
    int kills = 0;
  };
  static Plan from_environment(Share share, long tasks, long kills);

  Dice dice(std::uint64_t part) const noexcept { return Dice(mixed(seed + part)); }
};

// "COEVAL_SOAK_SEED=… COEVAL_SOAK_TASKS=…": the environment of a run that does the same.
std::string how_to_replay(const Plan& plan);

}  // namespace soak
