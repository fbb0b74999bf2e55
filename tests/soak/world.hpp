// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A world: some pools, with options by chance, and some threads that submit to them, for some
// thousand tasks. A soak is one world after the other.

#include "soak/submitter.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace soak {

inline coeval::WhenFull chance_of_full(Dice& dice) {
  switch (dice.below(3)) {
    case 0:
      return coeval::WhenFull::block;
    case 1:
      return coeval::WhenFull::fail;
    default:
      return coeval::WhenFull::run_in_caller;
  }
}

template <class Options>
Character choose_queue(Options& options, Dice& dice) {
  Character character;
  if (dice.one_in(3)) {
    options.max_queue = 1 + dice.size_up_to(60);
    options.when_full = chance_of_full(dice);
    character.is_bounded = true;
    character.runs_in_caller = options.when_full == coeval::WhenFull::run_in_caller;
  }
  return character;
}

// The kind of its pools: `Pool`, and `make(dice, runs, character)`, which makes one and says what it
// is like.
template <class Kind>
class World {
 public:
  using Pool = typename Kind::Pool;

  World(Dice dice, std::size_t tasks, Killer& killer, Ledger& ledger)
      : dice_(dice),
        tasks_(tasks),
        runs_(tasks),
        landings_(tasks),
        killer_(killer),
        ledger_(ledger) {
    Runs::use_here(runs_);
  }

  void live() {
    {
      std::vector<Inhabited> pools(1 + dice_.below(3));
      for (Inhabited& one : pools) {
        one.pool = Kind::make(dice_, runs_, one.character);
      }
      run_submitters(pools);
    }
    landings_.close(runs_, ledger_);
  }

 private:
  struct Inhabited {
    std::unique_ptr<Pool> pool;
    Character character;
  };

  void run_submitters(std::vector<Inhabited>& pools) {
    const std::size_t count = 1 + dice_.below(4);
    const std::size_t each = (tasks_ + count - 1) / count;
    std::vector<std::jthread> threads;
    for (std::size_t first = 0; first < tasks_; first += each) {
      Inhabited& one = pools[dice_.below(pools.size())];
      threads.emplace_back(
          [this, &one, first, end = std::min(tasks_, first + each), dice = Dice(dice_.number())] {
            const Books books{runs_, landings_, killer_, ledger_};
            Submitter<Pool>(*one.pool, one.character, books, dice, first, end).run();
          });
    }
  }

  Dice dice_;
  const std::size_t tasks_;
  const Runs runs_;
  Landings landings_;
  Killer& killer_;
  Ledger& ledger_;
};

// Worlds of this kind, until the plan's tasks have run.
template <class Kind>
void live_in_worlds(const Plan& plan, Killer& killer, Ledger& ledger) {
  constexpr long tasks_per_world = 3000;
  for (long begun = 0; begun < plan.tasks; begun += tasks_per_world) {
    const long tasks = std::min(tasks_per_world, plan.tasks - begun);
    World<Kind>(plan.dice(static_cast<std::uint64_t>(begun)), static_cast<std::size_t>(tasks),
                killer, ledger)
        .live();
  }
}

}  // namespace soak
