// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// WaitSet: one thread waiting for several cells at once. wait() and as_completed() are made of it.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/cell.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace coeval::detail {

// Watches cells from its construction to its destruction and tells which are done, each once: first
// those that were done already, in the order given, then the others as they complete.
// For one thread. The cells must outlive it (the caller's futures see to that). Duplicates count
// as several.
class COEVAL_EXPORT WaitSet {
 public:
  explicit WaitSet(std::span<Cell* const> cells);
  WaitSet(WaitSet&&) noexcept;
  WaitSet& operator=(WaitSet&&) noexcept;
  ~WaitSet();

  // The position of the next cell that is done; nothing at the deadline, or when all were told.
  std::optional<std::size_t> next(Deadline deadline);

  // How many have not been told yet.
  std::size_t left() const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace coeval::detail
