// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/detail/nesting.hpp>

#include <coeval/futures/detail/cell.hpp>

#include <cstdint>
#include <utility>

namespace coeval::detail {
namespace {

struct Nesting {
  std::size_t runs = 0;           // loops over continuations that are under way
  Continuation* first = nullptr;  // of those put off, in the order of their runs
  Continuation* last = nullptr;

  std::size_t destructions = 0;
  Cell* doomed = nullptr;  // put off, linked by their words
};

[[gnu::tls_model("initial-exec")]] constinit thread_local Nesting nesting;

// Invariants 1 and 3.
void put_off(Nesting& mine, Continuation* oldest, Cell& settled) noexcept {
  (mine.last == nullptr ? mine.first : mine.last->next) = oldest;
  for (Continuation* each = oldest; each != nullptr; each = each->next) {
    settled.add_internal();
    each->waits_of = &settled;
    mine.last = each;
  }
}

// Invariant 2: what one of them puts off comes before the rest.
void run_all_put_off(Nesting& mine) noexcept {
  Continuation* rest = nullptr;
  while (mine.first != nullptr || rest != nullptr) {
    if (mine.first != nullptr) {
      mine.last->next = rest;
      rest = std::exchange(mine.first, nullptr);
      mine.last = nullptr;
    }
    Continuation* const now = rest;
    rest = now->next;
    const CellRef settled = CellRef::adopt(now->waits_of);
    now->run(*settled);
  }
}

}  // namespace

void run_nested(Continuation* oldest, Cell& settled) noexcept {
  Nesting& mine = nesting;
  if (mine.runs == most_nested) [[unlikely]] {
    put_off(mine, oldest, settled);
    return;
  }
  ++mine.runs;
  while (oldest != nullptr) {
    Continuation* const next = oldest->next;
    oldest->run(settled);
    oldest = next;
    if (mine.first != nullptr) [[unlikely]] {
      run_all_put_off(mine);
    }
  }
  --mine.runs;
}

// The word of a cell that nobody refers to is free: it links those that wait for their end.
void Cell::destroy() noexcept {
  Nesting& mine = nesting;
  if (mine.destructions == most_nested) [[unlikely]] {
    word_.store(reinterpret_cast<std::uint64_t>(std::exchange(mine.doomed, this)),
                std::memory_order_relaxed);
    return;
  }
  ++mine.destructions;
  delete this;
  if (mine.doomed != nullptr) [[unlikely]] {
    destroy_put_off(mine.doomed);
  }
  --mine.destructions;
}

void Cell::destroy_put_off(Cell*& doomed) noexcept {
  while (doomed != nullptr) {
    Cell* const now = doomed;
    doomed = reinterpret_cast<Cell*>(now->word_.load(std::memory_order_relaxed));
    delete now;
  }
}

void run_put_off() noexcept {
  Nesting& mine = nesting;
  if (mine.first != nullptr) [[unlikely]] {
    run_all_put_off(mine);
  }
  if (mine.doomed != nullptr) [[unlikely]] {
    Cell::destroy_put_off(mine.doomed);
  }
}

FreshNesting::FreshNesting() noexcept : runs_(nesting.runs), destructions_(nesting.destructions) {
  run_put_off();
  nesting.runs = 0;
  nesting.destructions = 0;
}

FreshNesting::~FreshNesting() {
  nesting.runs = runs_;
  nesting.destructions = destructions_;
}

}  // namespace coeval::detail
