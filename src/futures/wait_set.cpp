// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/detail/wait_set.hpp>

#include "futures/wait_hub.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/detail/wait_helper.hpp>
#include <coeval/futures/wait.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <vector>

namespace coeval::detail {

// Lock order: a hub's lock, then lock_. completions_ counts the entries that were ever put into
// ready_, and is the word the waiter sleeps on.
class WaitSet::State {
 public:
  explicit State(std::span<Cell* const> cells) : watches_(cells.size()), left_(cells.size()) {
    ready_.reserve(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] == nullptr) {
        throw_empty_future("wait");
      }
      watches_[i].set = this;
      watches_[i].cell = cells[i];
    }
    for (Watch& watch : watches_) {
      if (watch.cell->done()) {
        watch.fired();
      } else {
        WaitHub::of(*watch.cell);  // all that can fail comes before the first registration
      }
    }
    for (Watch& watch : watches_) {
      if (watch.reported) {
        continue;
      }
      watch.registered = WaitHub::of(*watch.cell).add(watch);
      if (!watch.registered) {
        watch.fired();
      }
    }
  }

  // A cell that was told may be gone. One that was not is kept by the caller's future; taking the
  // registration back waits for a firing that is under way.
  ~State() {
    for (Watch& watch : watches_) {
      if (watch.registered && !watch.told) {
        WaitHub::of(*watch.cell).remove(watch);
      }
    }
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::optional<std::size_t> next(Deadline deadline) {
    if (left_ == 0) {
      return std::nullopt;
    }
    std::optional<std::size_t> index = poll();
    if (!index && deadline.is_never()) {
      index = help();
    }
    if (!index) {
      index = sleep(deadline);
    }
    if (index) {
      watches_[*index].told = true;
      --left_;
    }
    return index;
  }

  std::size_t left() const noexcept { return left_; }

 private:
  struct Watch final : WaitHub::Registration {
    void fired() noexcept override { set->completed(*this); }

    State* set = nullptr;
    Cell* cell = nullptr;
    bool reported = false;    // is in ready_
    bool registered = false;  // at the cell's hub
    bool told = false;        // was returned by next()
  };

  void completed(Watch& watch) noexcept {
    {
      const threading::Guard guard(lock_);
      watch.reported = true;
      ready_.push_back(static_cast<std::size_t>(&watch - watches_.data()));
      // Inside the lock: when it is free again this set may be gone. Release: pairs with sleep().
      completions_.fetch_add(1, std::memory_order_release);
    }
    completions_.notify_one();  // only the address is used
  }

  std::optional<std::size_t> poll() {
    const threading::Guard guard(lock_);
    if (taken_ == ready_.size()) {
      return std::nullopt;
    }
    return ready_[taken_++];
  }

  // On a worker: runs one of the awaited tasks, or what the current task submitted, until one is
  // done.
  std::optional<std::size_t> help() {
    WaitHelper* const helper = current_wait_helper();
    if (helper == nullptr) {
      return std::nullopt;
    }
    const FreshNesting fresh;
    for (Watch& watch : watches_) {
      while (!watch.told && !watch.cell->done() && helper->help(*watch.cell)) {
        if (const auto index = poll()) {
          return index;
        }
      }
    }
    return poll();
  }

  std::optional<std::size_t> sleep(Deadline deadline) {
    const SleepNotice notice;
    for (;;) {
      const std::uint32_t seen = completions_.load(std::memory_order_acquire);
      if (const auto index = poll()) {
        return index;
      }
      if (deadline.expired() || !completions_.wait(seen, deadline)) {
        return poll();
      }
    }
  }

  std::vector<Watch> watches_;
  std::size_t left_;
  threading::Lock lock_;
  std::vector<std::size_t> ready_ COEVAL_GUARDED_BY(lock_);
  std::size_t taken_ COEVAL_GUARDED_BY(lock_) = 0;
  atomic<std::uint32_t> completions_{0};
};

WaitSet::WaitSet(std::span<Cell* const> cells) : state_(std::make_unique<State>(cells)) {}
WaitSet::WaitSet(WaitSet&&) noexcept = default;
WaitSet& WaitSet::operator=(WaitSet&&) noexcept = default;
WaitSet::~WaitSet() = default;

std::optional<std::size_t> WaitSet::next(Deadline deadline) {
  return state_->next(deadline);
}

std::size_t WaitSet::left() const noexcept {
  return state_->left();
}

std::vector<bool> first_occurrences(std::span<Cell* const> cells) {
  std::unordered_set<Cell*> seen;
  std::vector<bool> first(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    first[i] = seen.insert(cells[i]).second;
  }
  return first;
}

void wait_for_cells(std::span<Cell* const> cells, Deadline deadline, ReturnWhen when) {
  if (when != ReturnWhen::first_completed && when != ReturnWhen::first_exception &&
      when != ReturnWhen::all_completed) {
    throw ValueError(
        "coeval::wait: when must be first_completed, first_exception or all_completed");
  }
  WaitSet set(cells);
  while (const auto index = set.next(deadline)) {
    const Cell& cell = *cells[*index];
    if (when == ReturnWhen::first_completed ||
        (when == ReturnWhen::first_exception && cell.error() != nullptr)) {
      return;
    }
  }
}

std::size_t next_completed(WaitSet& set, Deadline deadline, std::size_t total) {
  if (const auto index = set.next(deadline)) {
    return *index;
  }
  throw TimeoutError(fmt::format("{} (of {}) futures unfinished", set.left(), total));
}

}  // namespace coeval::detail
