// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A soak of mixed life: tasks of all kinds, in pools of all options, awaited in all orders, while
// workers are killed and stopped. Each result is that of its own arguments, each task comes to one
// end, and nothing is left behind.

#include "soak/kinds.hpp"
#include "soak/leaks.hpp"

#include <gtest/gtest.h>

#include <iostream>

namespace soak {
namespace {

template <class Kind>
void soak_in(const char* name, const Plan& plan) {
  std::cout << name << ": " << how_to_replay(plan) << '\n';
  Ledger ledger(name, plan.is_long);
  {
    Ledger warm_up("what is made once", false);
    Killer nobody(0, 0, 0, warm_up);
    World<Kind>(Dice(1), 500, nobody, warm_up).live();
  }
  const Leaks leaks;
  {
    Killer killer(plan.seed, plan.kills, plan.kills == 0 ? 0 : plan.tasks / 2 / plan.kills, ledger);
    live_in_worlds<Kind>(plan, killer, ledger);
  }
  ledger.close();
  leaks.find(ledger);
  std::cout << ledger.summary() << ", 0 hung\n";
  EXPECT_EQ(ledger.faults(), 0) << ledger.first_faults() << "\nagain: " << how_to_replay(plan);
}

TEST(MixedLife, of_process_pools_gives_each_task_its_own_end) {
  soak_in<ProcessPools>("process pools", Plan::from_environment({1, 30}, 20'000, 200));
}

TEST(MixedLife, of_thread_pools_gives_each_task_its_own_end) {
  soak_in<ThreadPools>("thread pools", Plan::from_environment({3, 0}, 50'000, 0));
}

}  // namespace
}  // namespace soak
