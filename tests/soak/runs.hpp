// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How often each task has run, in memory that all processes share.

#include "soak/content.hpp"

#include <coeval/multiprocessing/shared_array.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace soak {

// A handle. Slots are counted up from any thread of any process.
class Runs {
 public:
  explicit Runs(std::size_t slots) : counts_(slots) {}

  void note(TaskId id) const {
    std::atomic_ref(counts_[slot_of(id)]).fetch_add(1, std::memory_order_relaxed);
  }
  int of(std::size_t slot) const {
    return std::atomic_ref(counts_[slot]).load(std::memory_order_relaxed);
  }
  std::size_t slots() const { return counts_.size(); }

  void save(coeval::pickle::OutputArchive& archive) const { counts_.save(archive); }
  static Runs load(coeval::pickle::InputArchive& archive) {
    return Runs(coeval::multiprocessing::SharedArray<std::uint8_t>::load(archive));
  }

  // Where tasks of this process count; set before a task runs: by the initializer of a worker.
  static void use_here(const Runs& runs);
  static void note_here(TaskId id);

 private:
  explicit Runs(coeval::multiprocessing::SharedArray<std::uint8_t> counts)
      : counts_(std::move(counts)) {}

  coeval::multiprocessing::SharedArray<std::uint8_t> counts_;
};

}  // namespace soak
