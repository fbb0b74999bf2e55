// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What to explore, and what came of it.

#include <cstdint>
#include <string>

namespace model {

inline constexpr int max_threads = 16;       // of one execution, the body included
inline constexpr int unlimited = INT32_MAX;  // for the bounds below

enum class Memory : std::uint8_t {
  sequential,  // a load reads the newest store
  weak,        // a load may read an older one, as far as its memory order and C++ allow
};

enum class Search : std::uint8_t {
  exhaustive,  // every execution within the bounds, depth first
  random,      // every choice drawn anew, schedules without a bound on preemptions
  pct,         // threads with random priorities that change at `changes` random places (Burckhardt
               // et al., ASPLOS 2010): finds a bug of depth d with a known probability
};

struct Options {
  // A short name, which the line for a replay carries when several explorations share a program.
  std::string name = {};

  Memory memory = Memory::sequential;
  Search search = Search::exhaustive;

  // Exhaustive: how often a thread that could go on may be interrupted in one execution. Switches
  // at a wait, a spin_pause or a thread's end are free. Most bugs need no more than 2.
  int preemptions = 2;

  // Weak memory, exhaustive: how many loads of one execution may read anything but the newest
  // value.
  int stale_reads = 3;

  // How many waits with a deadline may time out in one execution although somebody else could run.
  // When nobody can, a timeout is free.
  int timeouts = 2;

  // How many waits may return and weak compare-exchanges may fail for no reason in one execution.
  int spurious = 0;

  // How many killable threads (or processes) may be killed in one execution.
  int kills = 0;

  // A thread that takes more steps than this together with the others is in an endless loop.
  int steps = 20'000;

  // The number of executions to stop at. 0: no limit for exhaustive, 10,000 for the others.
  std::uint64_t executions = 0;

  // Random and pct: the first execution's seed; each later one has the next.
  std::uint64_t seed = 1;

  // Pct: how many places of an execution change the priorities, one less than the bug's depth.
  int changes = 3;

  // Gives each thread its own copy of the program's thread_local variables, which must be trivially
  // destructible. std::logic_error under a sanitizer, whose own state is among them: see
  // thread_locals_supported in model/locals.hpp.
  bool thread_locals = false;
};

struct Result {
  bool passed = true;
  bool complete = false;         // exhaustive: nothing within the bounds is left to try
  std::uint64_t executions = 0;  // complete executions, the failing one included
  std::uint64_t steps = 0;       // scheduling points in all of them
  double seconds = 0;
  std::string summary;  // one line: what was explored, how much of it, how fast

  // Of a failure:
  std::string failure;       // what went wrong
  std::string replay;        // the value of COEVAL_MODEL_REPLAY that shows it again
  std::uint64_t seed = 0;    // random and pct: the execution's own seed
  std::string interleaving;  // one line per step

  bool ok() const noexcept { return passed; }

  // Everything above as text for a person.
  std::string report() const;
};

}  // namespace model
