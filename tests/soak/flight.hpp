// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One task on its way, and what may become of it.

#include "soak/content.hpp"
#include "soak/killer.hpp"
#include "soak/ledger.hpp"
#include "soak/runs.hpp"

#include <coeval/core/function.hpp>
#include <coeval/futures/any_future.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace soak {

// What the task was made to do.
struct Expectation {
  enum class Act { returns, raises, ends_its_process, never_ends };

  Act act = Act::returns;
  std::string text = {};  // raises: what the error's text has in it
  int exitcode = 0;       // ends_its_process
  bool has_limit = false;
  bool may_be_refused = false;   // an element of a map of a pool with a bounded queue
  bool may_run_again = false;    // max_retries
  bool counts_its_runs = true;   // not without an argument
  bool can_be_cancelled = true;  // not when that would leave another task that goes on
  // Since then:
  bool was_cancelled = false;  // cancel() said so: it never runs
  bool was_stopped = false;    // stop() may have come before its end
};

struct Flight {
  TaskId id = 0;
  const char* kind = "";
  Expectation expected;
  coeval::AnyFuture future;  // none for an element of a map, which is not called back either
  // Reads the result, raising what the task raised: what is wrong with it, or "".
  coeval::Function<std::string()> fault_of_result;
};

// What became of tasks, by their slots; checked once more at the end, when nothing runs. Threads may
// use it at once, each for its own slots.
class Landings {
 public:
  explicit Landings(std::size_t slots) : seen_(slots), called_back_(slots) {}

  // For add_done_callback.
  void call_back(std::size_t slot) { ++called_back_[slot]; }

  // Waits for the task to end, and enters it into the ledger.
  void land(Flight& flight, const Runs& runs, Killer& killer, Ledger& ledger);

  // An element of a map that nobody reads: it has run once, or not at all.
  void drop(TaskId id, Ledger& ledger);

  // When all pools are gone. Finds what ran after its end, and what was not called back once.
  void close(const Runs& runs, Ledger& ledger) const;

 private:
  struct Seen {
    std::uint8_t runs = 0;
    std::uint8_t calls = 0;
    bool may_run_later = false;  // nobody waited until it had begun, or could not
    bool may_run_again = false;
  };
  std::vector<Seen> seen_;
  std::vector<std::atomic<std::uint8_t>> called_back_;
};

}  // namespace soak
