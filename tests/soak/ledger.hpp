// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The ledger of a soak: each task that was given to somebody comes to exactly one end, and each end
// is one that it may come to.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace soak {

// How a task may end.
enum class End {
  returned,   // with the result that belongs to its arguments
  raised,     // the error that it was to raise
  cancelled,  // after cancel() or stop() of it
  timed_out,  // having a time limit
  died,       // by its own hand, or by the Killer's
  refused,    // submit took it not: QueueFull
  dropped,    // an element of a map that nobody read to its end
};
constexpr std::size_t end_count = 7;

// What must not be.
enum class Fault {
  lost,        // it came to no end
  doubled,     // it ran, or was called back, more often than it may
  wrong,       // another result than its arguments'
  unexpected,  // an end that it may not come to
  leaked,      // something was left behind
};
constexpr std::size_t fault_count = 5;

// Thread-safe.
class Ledger {
 public:
  // name: of the soak. tells_progress: a line each ten seconds.
  Ledger(std::string name, bool tells_progress);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Tasks that were given to somebody, or refused.
  void submitted(long count);
  // Feeds the watchdog, too.
  void ended(End end, long count = 1);
  // The first ones are kept with their texts.
  void found(Fault fault, std::string_view what);
  // By a Killer.
  void killed() { ++kills_; }
  void stopped() { ++stops_; }

  // Finds as lost, or as doubled, what was submitted and has not ended, or has ended too often.
  void close();

  long submitted() const { return submitted_; }
  long ended(End end) const { return ends_[static_cast<std::size_t>(end)]; }
  long kills() const { return kills_; }
  long found(Fault fault) const { return faults_[static_cast<std::size_t>(fault)]; }
  // Of all kinds together.
  long faults() const;
  // The first ones, a line each.
  std::string first_faults() const;
  // "process pools: 100000 tasks: … returned, …; 120 kills, 40 stops; 0 lost, 0 doubled, …".
  std::string summary() const;

 private:
  void tell_progress();

  const std::string name_;
  const bool tells_progress_;
  const std::chrono::steady_clock::time_point begin_;
  std::atomic<long> next_telling_ms_;
  std::atomic<long> submitted_ = 0;
  std::array<std::atomic<long>, end_count> ends_{};
  std::array<std::atomic<long>, fault_count> faults_{};
  std::atomic<long> kills_ = 0;
  std::atomic<long> stops_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> first_;
};

}  // namespace soak
