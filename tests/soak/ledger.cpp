// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "soak/ledger.hpp"

#include "support/watchdog.hpp"

#include <cstdio>
#include <numeric>
#include <utility>

namespace soak {
namespace {

constexpr std::array<const char*, end_count> end_names = {
    "returned", "raised", "cancelled", "timed out", "died", "refused", "dropped"};
constexpr std::array<const char*, fault_count> fault_names = {"lost", "doubled", "wrong",
                                                              "unexpected", "leaked"};
constexpr std::size_t kept = 20;
constexpr long telling_ms = 10'000;

}  // namespace

Ledger::Ledger(std::string name, bool tells_progress)
    : name_(std::move(name)),
      tells_progress_(tells_progress),
      begin_(std::chrono::steady_clock::now()),
      next_telling_ms_(telling_ms) {}

void Ledger::submitted(long count) {
  submitted_ += count;
}

void Ledger::ended(End end, long count) {
  ends_[static_cast<std::size_t>(end)] += count;
  support::feed_watchdogs();
  if (tells_progress_) {
    tell_progress();
  }
}

void Ledger::tell_progress() {
  const long ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                      std::chrono::steady_clock::now() - begin_)
                      .count();
  long next = next_telling_ms_;
  if (ms >= next && next_telling_ms_.compare_exchange_strong(next, ms + telling_ms)) {
    std::printf("%ld s, %s\n", ms / 1000, summary().c_str());
    std::fflush(stdout);
  }
}

void Ledger::found(Fault fault, std::string_view what) {
  ++faults_[static_cast<std::size_t>(fault)];
  const std::lock_guard guard(mutex_);
  if (first_.size() < kept) {
    first_.push_back(std::string(fault_names[static_cast<std::size_t>(fault)]) + ": " +
                     std::string(what));
  }
}

void Ledger::close() {
  long ended = 0;
  for (const std::atomic<long>& count : ends_) {
    ended += count;
  }
  for (; ended < submitted_; ++ended) {
    found(Fault::lost, "a task came to no end");
  }
  for (; ended > submitted_; --ended) {
    found(Fault::doubled, "a task came to two ends");
  }
}

long Ledger::faults() const {
  return std::accumulate(faults_.begin(), faults_.end(), 0L);
}

std::string Ledger::first_faults() const {
  const std::lock_guard guard(mutex_);
  std::string text;
  for (const std::string& fault : first_) {
    text += "\n  " + fault;
  }
  return text;
}

std::string Ledger::summary() const {
  std::string text = name_ + ": " + std::to_string(submitted_) + " tasks:";
  for (std::size_t i = 0; i < end_count; ++i) {
    text += (i == 0 ? " " : ", ") + std::to_string(ends_[i]) + " " + end_names[i];
  }
  text += "; " + std::to_string(kills_) + " kills, " + std::to_string(stops_) + " stops;";
  for (std::size_t i = 0; i < fault_count; ++i) {
    text += (i == 0 ? " " : ", ") + std::to_string(faults_[i]) + " " + fault_names[i];
  }
  return text;
}

}  // namespace soak
