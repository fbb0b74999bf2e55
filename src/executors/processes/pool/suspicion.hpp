// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Suspicion: which worker of a process pool fails its tasks where others would not. One that raises
// at once is free again at once, so it would take most of the work: a black hole.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace coeval::detail {

// Of one pool, guarded by its lock. Invariants:
//  1. The errors that a worker raises in a row, its streak, are judged by what the pool's other tasks
//     have done: they are unlikely only if some of those return. Where all raise, nobody is suspected.
//  2. At most half of the pool's errors are taken for the streak's own: of the older ones nobody knows
//     any more whose they were, and too much suspicion would cost more than too little.
class Suspicion {
 public:
  using Streak = std::uint32_t;

  // What has ended in a worker. One that returned ends the streak.
  void note(Streak& streak, std::size_t returned, std::size_t raised) noexcept {
    returned_ += returned;
    raised_ += raised;
    streak = returned != 0 ? 0 : streak + static_cast<Streak>(raised);
    if (returned_ + raised_ > longest_memory) {
      returned_ /= 2;
      raised_ /= 2;
    }
  }

  // It is better not given tasks ahead.
  bool is_doubtful(Streak streak) const noexcept {
    return streak >= 3 && log_likelihood(streak) < -5;
  }
  // It is better replaced: one healthy worker in a million would be taken for a sick one.
  bool is_sick(Streak streak) const noexcept {
    return streak >= 8 && log_likelihood(streak) < -13.8;
  }

 private:
  static constexpr std::size_t longest_memory = 4096;

  // Of so many errors in a row, from how often the tasks of all others raise.
  double log_likelihood(Streak streak) const noexcept {
    const std::size_t others = raised_ - std::min<std::size_t>(streak, raised_ / 2);
    const double rate = (static_cast<double>(others) + 1) /
                        (static_cast<double>(others) + static_cast<double>(returned_) + 1);
    return static_cast<double>(streak) * std::log(rate);
  }

  std::size_t returned_ = 0;
  std::size_t raised_ = 0;
};

}  // namespace coeval::detail
