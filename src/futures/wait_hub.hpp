// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// WaitHub: the wait sets that watch one cell. It is made at the first registration, hangs in the
// cell's list of continuations like a callback, and lives as long as the cell; unlike a callback a
// registration can be taken back, so that a wait() that timed out leaves nothing behind.
//
// Invariants:
//  1. A registration is linked from add() until the firing or remove(), both under lock_.
//  2. The hub fires once: run by the one who settled the cell, or by the maker of the hub if the
//     cell was done before the hub could be attached.
//  3. After the firing no registration is linked again.

#include <coeval/core/annotations.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/threading/lock.hpp>

namespace coeval::detail {

class WaitHub final : public Continuation {
 public:
  // One wait set's interest in one cell; lives in the set.
  struct Registration {
    Registration* previous = nullptr;
    Registration* next = nullptr;
    bool linked = false;

    // Called once under the hub's lock; the registration may be gone when it returns.
    virtual void fired() noexcept = 0;

   protected:
    ~Registration() = default;
  };

  // The cell's hub, made if there is none.
  static WaitHub& of(Cell& cell);

  // Links the registration: true. False if the cell is done: the hub has fired.
  bool add(Registration& registration) COEVAL_EXCLUDES(lock_);

  // Takes it back. Nothing happens if the hub has fired.
  void remove(Registration& registration) COEVAL_EXCLUDES(lock_);

  void run(Cell& settled) noexcept override COEVAL_EXCLUDES(lock_);

 private:
  threading::Lock lock_;
  Registration* first_ COEVAL_GUARDED_BY(lock_) = nullptr;
  bool fired_ COEVAL_GUARDED_BY(lock_) = false;
};

}  // namespace coeval::detail
