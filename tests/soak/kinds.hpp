// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The kinds of pools that are soaked, with options by chance.

#include "soak/world.hpp"

#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <chrono>
#include <memory>

namespace soak {

struct ProcessPools {
  using Pool = coeval::ProcessPoolExecutor;

  static std::unique_ptr<Pool> make(Dice& dice, const Runs& runs, Character& character) {
    coeval::ProcessPoolOptions options;
    character = choose_queue(options, dice);
    character.in_processes = true;
    options.max_workers = static_cast<int>(1 + dice.below(3));
    options.max_restarts = 1'000'000;
    options.grace = std::chrono::milliseconds(30);
    if (dice.one_in(4)) {
      options.max_tasks_per_child = static_cast<int>(dice.one_in(8) ? 1 : 10 + dice.below(200));
    }
    return std::make_unique<Pool>(options, Runs::use_here, runs);
  }
};

struct ThreadPools {
  using Pool = coeval::ThreadPoolExecutor;

  static std::unique_ptr<Pool> make(Dice& dice, const Runs& /*runs*/, Character& character) {
    coeval::ThreadPoolOptions options;
    character = choose_queue(options, dice);
    options.max_workers = static_cast<int>(1 + dice.below(4));
    return std::make_unique<Pool>(options);
  }
};

}  // namespace soak
