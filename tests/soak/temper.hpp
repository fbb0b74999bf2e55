// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What tasks a submitter has to do with.

#include "soak/plan.hpp"
#include "soak/tasks.hpp"

#include <cstddef>
#include <cstdint>

namespace soak {

// What a pool that is soaked can do, and what it must not be asked.
struct Character {
  bool in_processes = false;    // a task may end its process, or ignore that it was stopped
  bool runs_in_caller = false;  // when full: then nobody can stop a task, nor may it kill anybody
  bool is_bounded = false;      // a callback that submits might wait for ever
};

// What one submitter is given to: mixes that are rare in the average are whole lives of some.
struct Temper {
  explicit Temper(Dice& dice)
      : is_narrow(dice.one_in(2)),
        kind_begin(is_narrow ? dice.below(700) : 0),
        kinds(is_narrow ? 300 : 1000),
        works_one_in(1 + dice.below(8)),
        sleeps_one_in(dice.one_in(3) ? 1 + dice.below(4) : 200),
        large_one_in(dice.one_in(3) ? 3 : 100) {}

  std::uint64_t kind(Dice& dice) const { return kind_begin + dice.below(kinds); }
  Manner manner(Dice& dice) const {
    const auto below = [&](std::uint64_t one_in, std::uint32_t end) {
      return dice.one_in(one_in) ? static_cast<std::uint32_t>(dice.below(end)) : 0;
    };
    return {.work = below(works_one_in, 60'000),
            .sleep_us = below(sleeps_one_in, 500),
            .size = static_cast<std::uint32_t>(dice.mixed_size() / 2)};
  }
  std::size_t size(Dice& dice) const {
    return dice.one_in(large_one_in) ? 30'000 + dice.size_up_to(100'000) : dice.mixed_size();
  }

  bool is_narrow;
  std::uint64_t kind_begin;
  std::uint64_t kinds;
  std::uint64_t works_one_in;
  std::uint64_t sleeps_one_in;
  std::uint64_t large_one_in;
};

}  // namespace soak
