// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A Barrier between processes that was reset between the arrival of its last party and the end of
// its round let that party pass alone, and ended the next round before all had come.

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/barrier.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>

namespace {

using coeval::BrokenBarrierError;
using coeval::multiprocessing::Barrier;

// Two parties that meet at a barrier once in each round, while others reset it all the time.
class Rounds {
 public:
  void meet() {
    for (int i = 1; i <= count; ++i) {
      wait_for_begin(i);
      try {
        ++at_place_[static_cast<std::size_t>(barrier_.wait())];
      } catch (const BrokenBarrierError&) {  // by a reset
      }
      ++done_;
    }
  }
  void begin_each_and_reset() {
    for (int i = 1; i <= count; ++i) {
      round_ = i;
      reset_until_end(i);
    }
  }
  void reset() {
    for (int i = 1; i <= count; ++i) {
      wait_for_begin(i);
      reset_until_end(i);
    }
  }
  // How often a party has passed that had come first, and that had come last.
  int passed(std::size_t place) const { return at_place_[place]; }

 private:
  static constexpr int count = 6'000;

  void wait_for_begin(int round) const {
    while (round_ < round) {
      std::this_thread::yield();
    }
  }
  void reset_until_end(int round) const {
    while (done_ < 2 * round) {
      barrier_.reset();
    }
  }

  const Barrier barrier_{2};
  std::array<std::atomic<int>, 2> at_place_{};
  std::atomic<int> round_ = 0;
  std::atomic<int> done_ = 0;  // calls of wait()
};

// Several threads reset it at once: to wake one that sleeps takes the last party a while.
TEST(BarrierReset, at_any_moment_lets_all_parties_pass_or_none) {
  Rounds rounds;
  std::array<std::thread, 4> others{
      std::thread(&Rounds::meet, &rounds), std::thread(&Rounds::meet, &rounds),
      std::thread(&Rounds::reset, &rounds), std::thread(&Rounds::reset, &rounds)};
  rounds.begin_each_and_reset();
  for (std::thread& other : others) {
    other.join();
  }
  EXPECT_EQ(rounds.passed(0), rounds.passed(1));
  EXPECT_GT(rounds.passed(0), 0);
}

}  // namespace
