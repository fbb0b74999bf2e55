// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Elements: tasks so small that millions of them go through maps and bulks. Each is checked as every
// other task, but in a few nanoseconds.

#include "soak/killer.hpp"
#include "soak/ledger.hpp"
#include "soak/runs.hpp"
#include "soak/tasks.hpp"

#include <coeval/core/errors.hpp>

#include <signal.h>

#include <array>
#include <cstddef>
#include <exception>
#include <ranges>
#include <string>

namespace soak {

// The ids of the slots first … end - 1.
inline auto ids_of(std::uint64_t tag, std::size_t first, std::size_t end) {
  return std::views::iota(first, end) |
         std::views::transform([tag](std::size_t slot) -> TaskId { return tag << 32U | slot; });
}

// What one thread has read of elements; it goes into the ledger now and then.
class ElementReader {
 public:
  ElementReader(Killer& killer, Ledger& ledger) : killer_(killer), ledger_(ledger) {}
  ElementReader(const ElementReader&) = delete;
  ElementReader& operator=(const ElementReader&) = delete;
  ~ElementReader() { enter(); }

  // read: gives the result of element(id), or raises what it raised.
  template <class Read>
  void read(TaskId id, Read read) {
    try {
      if (read() != mixed(id) || element_raises(id)) {
        found(Fault::wrong, id, "another element's result");
      }
      count(End::returned);
    } catch (const coeval::WorkerDied& error) {
      if (error.signal() != SIGKILL || !killer_.answers_for(error.pid())) {
        found(Fault::unexpected, id, error.what());
      }
      count(End::died);
    } catch (const std::exception& error) {
      if (!element_raises(id) ||
          std::string(error.what()).find(error_text(id)) == std::string::npos) {
        found(Fault::unexpected, id, error.what());
      }
      count(End::raised);
    }
  }

  void count(End end, long number = 1) {
    ends_[static_cast<std::size_t>(end)] += number;
    died_ += end == End::died ? number : 0;
    if ((since_ += number) >= 1000) {
      enter();
    }
  }
  long died() const { return died_; }

 private:
  void found(Fault fault, TaskId id, const std::string& what) {
    ledger_.found(fault, "element " + std::to_string(slot_of(id)) + ": " + what);
  }
  void enter() {
    for (std::size_t i = 0; i < end_count; ++i) {
      if (ends_[i] != 0) {
        ledger_.ended(static_cast<End>(i), ends_[i]);
      }
    }
    killer_.note_results(since_);
    ends_ = {};
    since_ = 0;
  }

  Killer& killer_;
  Ledger& ledger_;
  std::array<long, end_count> ends_{};
  long since_ = 0;
  long died_ = 0;
};

// When nothing runs any more: each has run once, but for so many that died or were dropped before.
inline void check_runs(const Runs& runs, std::size_t slots, long may_be_missing, bool again,
                       Ledger& ledger) {
  long missing = 0;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    const int count = runs.of(slot);
    missing += count == 0 ? 1 : 0;
    if (count > 1 && !again) {
      ledger.found(Fault::doubled,
                   "element " + std::to_string(slot) + " ran " + std::to_string(count) + " times");
    }
  }
  if (missing > may_be_missing) {
    ledger.found(Fault::lost, std::to_string(missing) + " elements never ran, and " +
                                  std::to_string(may_be_missing) + " may not have run");
  }
}

}  // namespace soak
