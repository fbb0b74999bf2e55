// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Kills and stops children of this process while they work.

#include "soak/plan.hpp"

#include <coeval/multiprocessing/process.hpp>

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace soak {

class Ledger;

// Strikes so often as results come: after each `results` of them one child, by chance, is killed, or
// stopped and some milliseconds later continued. Whoever it stopped goes on when it ends.
// Thread-safe.
class Killer {
 public:
  // kills: how often it kills at the most. results: 0 if it never strikes.
  Killer(std::uint64_t seed, long kills, long results, Ledger& ledger);
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;
  ~Killer();

  void note_results(long count);

  // The ledger of the dead: whether the death of one task in this process is its doing. Each kill
  // answers for one death.
  bool answers_for(pid_t pid);

 private:
  struct Stopped {
    coeval::multiprocessing::Process process;
    std::chrono::steady_clock::time_point until;
  };

  void run();
  void strike();
  void let_go(std::chrono::steady_clock::time_point now);

  const long most_;
  const long results_per_strike_;
  Ledger& ledger_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Dice dice_;
  long results_ = 0;
  long due_ = 0;
  long kills_ = 0;
  bool ended_ = false;
  std::map<pid_t, long> killed_;
  std::vector<Stopped> stopped_;  // of the thread alone
  std::thread thread_;            // the last member: it uses the others
};

}  // namespace soak
