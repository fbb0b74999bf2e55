// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The words by which a process pool and one of its workers hand each other tasks and results, and
// what each side does to them. They lie in memory that both share: see process_region.hpp.
//
// A task is posted at a position, which counts up and goes round some slots.
//
// Invariants:
//  1. Positions up to PoolWords::posted are posted, and go to the worker in this order.
//  2. The claim of a position is its number and a state, which moves along ready → running → done by
//     the worker, or ready → taken by the pool: one exchange decides who has the task. The worker
//     passes by what is taken. Each claim carries its position, so that none is mistaken for one of
//     an earlier round.
//  3. WorkerWords::passed counts the positions that are done or taken; the worker writes it, after all
//     that belongs to the result. The pool reads slots below it only, unless the worker is dead.
//  4. The worker sleeps only after it has read wakes, set asleep, and then found the pool not closing
//     and nothing posted; who posts looks at asleep afterwards, and counts wakes up if it is set. The
//     worker ends only if it found the pool closing before it found nothing posted; the pool closes
//     after its last post. All of these are sequentially consistent.
//  5. Who waits on the pool's side sets its bit in wanted and then looks at passed; the worker counts
//     passed and then exchanges wanted with 0 and wakes. All four are sequentially consistent. If
//     lazily is set, too, the worker wakes only for a batch, or when it has nothing more to do; so who
//     set it sleeps for a moment only, and then asks again without.
//  6. PoolWords::collected counts the positions whose results have been read: only then is their room
//     used again.
//  7. Who asks a task to stop writes its position and then counts stop_rings; who listens reads
//     stop_rings, then the position, and sleeps on what it has read.

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>

#include <cstdint>

namespace coeval::detail {

// Written by the pool alone.
struct PoolWords {
  alignas(64) atomic<std::uint32_t> posted{0};
  atomic<std::uint32_t> wakes{0};  // the worker sleeps on it; counted up at each wake
  alignas(64) atomic<std::uint32_t> collected{0};
  alignas(64) atomic<std::uint32_t> closing{0};  // 1: end when everything posted is done
  atomic<std::uint32_t> may_spin{0};  // 1: look for the next task for a moment before a sleep
  alignas(64) atomic<std::uint32_t> stop_rings{0};  // counts the changes of the next one
  atomic<std::uint32_t> stop_position{0};           // the task there is asked to stop; 0: none
  atomic<std::uint32_t> ending{0};                  // 1: a SIGTERM is the pool's, and meant
};

// Written by both: the pool believes nothing that it reads there.
struct WorkerWords {
  alignas(64) atomic<std::uint32_t> passed{0};
  alignas(64) atomic<std::uint32_t> asleep{0};
  alignas(64) atomic<std::uint32_t> wanted{0};  // bits of Wanted
  atomic<std::uint32_t> event{0};  // waiters of the pool sleep on it; counted up at each wake
};

enum Wanted : std::uint32_t { by_manager = 1, by_waiter = 2, lazily = 4 };

// How many results are a batch.
inline constexpr std::uint32_t batch_size = 32;

// Who has the task at a position. Relaxed, as posted and passed tell of what was written.
class TaskClaim {
 public:
  // Of the pool, when the slot is written.
  void make_ready(std::uint32_t position) noexcept { set(word_of(position, ready)); }
  // Of the pool: false if the worker has it.
  bool take_back(std::uint32_t position) noexcept {
    return move(word_of(position, ready), word_of(position, taken));
  }
  // Of the worker: false if the pool has taken it back.
  bool begin(std::uint32_t position) noexcept {
    return move(word_of(position, ready), word_of(position, running));
  }
  // Of the worker, when the result is written.
  void end(std::uint32_t position) noexcept { set(word_of(position, done)); }

  bool has_begun(std::uint32_t position) const noexcept {
    return word_.load(std::memory_order_relaxed) != word_of(position, ready);
  }
  bool is_running(std::uint32_t position) const noexcept {
    return word_.load(std::memory_order_relaxed) == word_of(position, running);
  }

 private:
  enum State : std::uint8_t { none, ready, running, done, taken };

  static constexpr std::uint64_t word_of(std::uint32_t position, State state) noexcept {
    return std::uint64_t{position} << 8 | state;
  }
  void set(std::uint64_t word) noexcept { word_.store(word, std::memory_order_relaxed); }
  // Invariant 2.
  bool move(std::uint64_t from, std::uint64_t to) noexcept {
    return word_.compare_exchange_strong(from, to, std::memory_order_relaxed,
                                         std::memory_order_relaxed);
  }

  atomic<std::uint64_t> word_{0};
};

class PoolSide {
 public:
  PoolSide(PoolWords& own, WorkerWords& both) noexcept : own_(own), both_(both) {}

  // The positions below it are ready. Wakes the worker if it sleeps: invariants 1 and 4.
  void post(std::uint32_t posted) noexcept {
    own_.posted.store(posted, std::memory_order_seq_cst);
    if (both_.asleep.load(std::memory_order_seq_cst) != 0) {
      wake();
    }
  }
  // The worker is to end when it has done what it has.
  void close() noexcept {
    own_.closing.store(1, std::memory_order_seq_cst);
    wake();
  }
  // The task at that position, which is not 0, is to stop: invariant 7.
  void ask_to_stop(std::uint32_t position) noexcept {
    own_.stop_position.store(position, std::memory_order_release);
    own_.stop_rings.fetch_add(1, std::memory_order_release);
    own_.stop_rings.notify_all_shared();
  }
  // Before the pool sends SIGTERM. Relaxed: the kernel orders it before the signal.
  void announce_end() noexcept { own_.ending.store(1, std::memory_order_relaxed); }
  void let_spin() noexcept { own_.may_spin.store(1, std::memory_order_relaxed); }
  // Invariant 6. Release: the results were read before.
  void free(std::uint32_t collected) noexcept {
    own_.collected.store(collected, std::memory_order_release);
  }

  // As the worker says: it may be any number. Sequentially consistent: invariant 5.
  std::uint32_t passed() const noexcept { return both_.passed.load(std::memory_order_seq_cst); }
  bool is_asleep() const noexcept { return both_.asleep.load(std::memory_order_relaxed) != 0; }

  // ---- waiting: invariant 5
  void want(std::uint32_t who) noexcept { both_.wanted.fetch_or(who, std::memory_order_seq_cst); }
  // And no longer lazily.
  void want_at_once(std::uint32_t who) noexcept {
    want(who);
    forget_wanted(lazily);
  }
  void forget_wanted(std::uint32_t who) noexcept {
    both_.wanted.fetch_and(~who, std::memory_order_seq_cst);
  }
  std::uint32_t event() const noexcept { return both_.event.load(std::memory_order_seq_cst); }
  // False if the deadline passed.
  bool wait_for_event(std::uint32_t seen, Deadline deadline) const noexcept {
    return both_.event.wait_shared(seen, deadline);
  }
  void wake_waiters() noexcept {
    both_.event.fetch_add(1, std::memory_order_seq_cst);
    both_.event.notify_all_shared();
  }

 private:
  void wake() noexcept {
    own_.wakes.fetch_add(1, std::memory_order_seq_cst);
    own_.wakes.notify_one_shared();
  }

  PoolWords& own_;
  WorkerWords& both_;
};

class WorkerSide {
 public:
  WorkerSide(const PoolWords& pool, WorkerWords& both) noexcept : pool_(pool), both_(both) {}

  // Acquire: what post() has published.
  bool is_posted(std::uint32_t position) const noexcept {
    return pool_.posted.load(std::memory_order_acquire) != position;
  }
  bool may_spin() const noexcept { return pool_.may_spin.load(std::memory_order_relaxed) != 0; }
  // Sleeps until the position is posted: invariant 4. False if the pool closes instead.
  bool sleep_until_posted(std::uint32_t position) noexcept {
    while (!is_posted(position)) {
      const std::uint32_t wakes = pool_.wakes.load(std::memory_order_seq_cst);
      both_.asleep.store(1, std::memory_order_seq_cst);
      const bool is_closing = pool_.closing.load(std::memory_order_seq_cst) != 0;
      if (pool_.posted.load(std::memory_order_seq_cst) == position) {
        if (is_closing) {
          return false;
        }
        pool_.wakes.wait_shared(wakes, never);
      }
      both_.asleep.store(0, std::memory_order_seq_cst);
    }
    return true;
  }

  // The position is done, or was taken back: invariants 3 and 5. Wakes the waiter who wants to know,
  // and returns whether it is the manager who does. A batch by itself is told of at once.
  bool pass(std::uint32_t position, bool is_batch) noexcept {
    both_.passed.store(position + 1, std::memory_order_seq_cst);
    const std::uint32_t seen = both_.wanted.load(std::memory_order_seq_cst);
    if (seen == 0 || ((seen & lazily) != 0 && !is_batch && !is_time_to_tell(position))) {
      return false;
    }
    const std::uint32_t wanted = both_.wanted.exchange(0, std::memory_order_seq_cst);
    if ((wanted & by_waiter) != 0) {
      both_.event.fetch_add(1, std::memory_order_seq_cst);
      both_.event.notify_one_shared();
      return false;
    }
    return wanted != 0;
  }

  // Acquire: invariant 6.
  std::uint32_t collected() const noexcept {
    return pool_.collected.load(std::memory_order_acquire);
  }

  // ---- of any thread of the worker: invariant 7
  // Acquire: the position is no older.
  std::uint32_t stop_rings() const noexcept {
    return pool_.stop_rings.load(std::memory_order_acquire);
  }
  bool is_asked_to_stop(std::uint32_t position) const noexcept {
    return pool_.stop_position.load(std::memory_order_acquire) == position;
  }
  bool is_to_end() const noexcept { return pool_.ending.load(std::memory_order_relaxed) != 0; }
  void wait_for_stop_ring(std::uint32_t seen) const noexcept {
    pool_.stop_rings.wait_shared(seen, never);
  }

 private:
  // Relaxed: who waits lazily asks again.
  bool is_time_to_tell(std::uint32_t position) const noexcept {
    return position + 1 - pool_.collected.load(std::memory_order_relaxed) >= batch_size ||
           pool_.posted.load(std::memory_order_relaxed) == position + 1;
  }

  const PoolWords& pool_;
  WorkerWords& both_;
};

}  // namespace coeval::detail
