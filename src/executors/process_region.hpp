// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The memory that a process pool and one of its workers share, and what they send each other beside
// it.
//
// There are two files. The inbox is written by the pool alone: the kernel refuses the worker a
// writable mapping. The outbox is written by both, and the pool trusts nothing that it reads there:
// it fetches a value once, checks it, and uses what it has checked.
//
// A task is posted in the slot of its position modulo slot_count, in both boxes.
//
// Invariants:
//  1. Positions up to WorkerInbox::posted are posted, and go to the worker in this order.
//  2. The claim of a position is its number and a state, which moves along ready → running → done by
//     the worker, or ready → taken by the pool: one exchange decides who has the task. The worker
//     passes by what is taken.
//  3. WorkerOutbox::passed counts the positions that are done or taken; the worker writes it, after all
//     that belongs to the result. The pool reads slots below it only, unless the worker is dead.
//  4. The worker sleeps only after it has read wakes, set asleep, and then found nothing posted and
//     the pool not closing; who posts looks at asleep afterwards, and counts wakes up if it is set.
//     All of these are sequentially consistent.
//  5. Who waits on the pool's side sets its bit in wanted and then looks at passed; the worker counts
//     passed and then exchanges wanted with 0 and wakes. All four are sequentially consistent. If
//     lazily is set, too, the worker wakes only for a batch, or when it has nothing more to do; so who
//     set it sleeps for a moment only, and then asks again without.
//  6. The result of a chunk grows with each element, in the room or in a buffer that was sent, before
//     the progress says that the element is done: so what was done before a crash is not lost.
//  7. WorkerInbox::collected counts the positions whose results have been read: only then their bytes in
//     the outbox, and their buffers, are used again.
// Each claim carries its position, so that none is mistaken for one of an earlier round.

#include "executors/chunk_progress.hpp"

#include <coeval/core/atomic.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace coeval::detail {

inline constexpr std::uint32_t slot_count = 256;
inline constexpr std::size_t inbox_room = std::size_t{128} << 10;   // bytes of arguments
inline constexpr std::size_t outbox_room = std::size_t{256} << 10;  // bytes of results

enum class Claim : std::uint8_t { none, ready, running, done, taken };

constexpr std::uint64_t claim_of(std::uint32_t position, Claim state) noexcept {
  return std::uint64_t{position} << 8 | static_cast<std::uint64_t>(state);
}

// Bytes in a box's room, or in a buffer that was sent (its number; 0: the room).
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t buffer = 0;
};

struct alignas(64) InSlot {
  Extent arguments;
  Extent codes;  // always in the room; empty if the worker knows them
  std::uint32_t entry_code = 0;
  std::uint32_t descriptors = 0;
  std::uint32_t takes_stop_token = 0;
  std::uint32_t elements = 0;  // of a chunk, in its arguments; 0: it is none
  std::uint32_t first = 0;     // of those, the first to run
};

struct WorkerInbox {
  alignas(64) atomic<std::uint32_t> posted{0};
  atomic<std::uint32_t> wakes{0};  // the worker sleeps on it; counted up at each wake
  alignas(64) atomic<std::uint32_t> collected{0};
  alignas(64) atomic<std::uint32_t> closing{0};  // 1: end when everything posted is done
  atomic<std::uint32_t> may_spin{0};  // 1: look for the next task for a moment before a sleep
  // Counts the changes of stop_position, and is slept on; sequentially consistent, as what it tells
  // of must be seen before the sleep.
  alignas(64) atomic<std::uint32_t> stop_rings{0};
  atomic<std::uint32_t> stop_position{0};  // the task there is asked to stop
  alignas(64) std::array<InSlot, slot_count> slots;
  alignas(64) std::array<std::byte, inbox_room> room;
};

enum class Outcome : std::uint32_t { returned, raised };

struct alignas(64) OutSlot {
  atomic<std::uint64_t> claim{0};
  ChunkProgress progress;
  Extent result;
  std::uint32_t outcome = 0;
  std::uint32_t descriptors = 0;
  std::int64_t wall_ns = 0;
};

// Where a worker crashed: written by its signal handler.
struct CrashSite {
  static constexpr std::size_t most_frames = 32;
  static constexpr std::size_t most_path = 120;
  struct Frame {
    std::uint64_t offset;              // in the module; the address itself if there is none
    std::array<char, most_path> path;  // of the module, empty for the program; ends with a null
  };
  atomic<std::uint32_t> frames{0};
  std::array<Frame, most_frames> frame;
};

enum Wanted : std::uint32_t { by_manager = 1, by_waiter = 2, lazily = 4 };

// How many results are a batch.
inline constexpr std::uint32_t batch_size = 32;

struct WorkerOutbox {
  alignas(64) atomic<std::uint32_t> passed{0};
  alignas(64) atomic<std::uint32_t> asleep{0};
  alignas(64) atomic<std::uint32_t> wanted{0};
  atomic<std::uint32_t> event{0};  // waiters of the pool sleep on it; counted up at each wake
  alignas(64) atomic<std::int64_t> cpu_ns{0};
  CrashSite crash;
  alignas(64) std::array<OutSlot, slot_count> slots;
  alignas(64) std::array<std::byte, outbox_room> room;
};

// What travels over the socket, with descriptors. Notices have none.
struct PacketHead {
  enum class Kind : std::uint32_t {
    notice,       // worker → pool: look at my outbox
    descriptors,  // of the task or result at a position
    buffer,       // the file of a buffer, or a longer one in its place; sizes and numbers follow
  };
  Kind kind = Kind::notice;
  std::uint32_t number = 0;  // the position, or the buffer's
};

}  // namespace coeval::detail
