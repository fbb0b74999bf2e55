// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Arrivals: cells that one thread, the reader, waits for, in the order in which they are done or in which
// they were given.
//
// Invariants:
//  1. An arrival is in the list of its cell from watch() until the cell is done; who sees to that
//     pushes the arrival, once, and does not touch it afterwards. It is the reader's else.
//  2. top_ is the newest arrival that was pushed and not fetched, linked by next to the one before;
//     or nothing; or asleep: nothing, and the reader sleeps or is about to; or closed: there is no
//     reader any more. The reader alone fetches, all at once, and sets the two marks.
//  3. Who pushes where asleep was wakes the reader.
//  4. left_ is set before closed is. From then on it counts the arrivals to come and the reader, which
//     counts those that have come; who counts it to zero deletes this.

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/cell.hpp>

#include <cstddef>
#include <cstdint>

namespace coeval::multiprocessing::detail {

class Arrivals;

// The place of one cell. What it has is for Arrivals.
struct COEVAL_EXPORT Arrival : coeval::detail::Continuation {
  void run(coeval::detail::Cell& settled) noexcept override;

  Arrivals* all = nullptr;
  coeval::detail::Cell* cell = nullptr;
  Arrival* older = nullptr;  // of those that were not taken
  Arrival* newer = nullptr;

 protected:
  ~Arrival() = default;
};

// Made with new. For the reader but where it says so.
class COEVAL_EXPORT Arrivals {
 public:
  enum class Order { as_done, as_watched };

  explicit Arrivals(Order order) noexcept : order_(order) {}
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  // The cell is kept by the caller until the arrival was taken, or this is closed.
  void watch(coeval::detail::Cell& cell, Arrival& arrival) noexcept;

  // How many are watched and were not taken.
  std::size_t outstanding() const noexcept { return outstanding_; }

  // The one whose cell was done first, or the one that was watched first, if its cell is done; else null.
  Arrival* take() noexcept;
  // The same, but blocks until there is one, or until the deadline. Where results come soon, who waits
  // may collect them itself.
  Arrival* wait(Deadline deadline, bool soon);

  // Stops what is outstanding. close() comes next, and nothing else.
  void stop() noexcept;
  // Deletes this now, or when the last cell is done.
  void close() noexcept;

 protected:
  virtual ~Arrivals() = default;

 private:
  friend struct Arrival;
  enum Mark : std::uint64_t { nothing = 0, asleep = 1, closed = 2 };

  static Arrival* newest_in(std::uint64_t top) noexcept;
  void push(Arrival& arrival) noexcept;  // by any thread
  void count_down(std::size_t arrived) noexcept;
  bool fetch() noexcept;
  Arrival* unlink(Arrival* before, Arrival& arrival) noexcept;
  void help(Deadline deadline);
  bool sleep(Deadline deadline) noexcept;

  alignas(64) atomic<std::uint64_t> top_{nothing};
  atomic<std::size_t> left_{0};

  // The reader's, in other cache lines than what is pushed to.
  alignas(64) Arrival* fetched_ =
      nullptr;  // linked by next; with Order::as_done the oldest is first
  const Order order_;
  Arrival* oldest_ = nullptr;  // of those that were not taken, in the order of watch()
  Arrival* newest_ = nullptr;
  const Arrival* slow_ = nullptr;  // the oldest, if help was of no use there
  std::size_t outstanding_ = 0;
};

}  // namespace coeval::multiprocessing::detail
