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
// A task is posted in the slot of its position modulo slot_count, in both boxes; process_exchange.hpp
// says how. Beyond the invariants there:
//
//  1. The result of a chunk grows with each element, in the room or in a buffer that was sent, before
//     the progress says that the element is done: so what was done before a crash is not lost.
//  2. The bytes of a result in the outbox, and its buffer, are used again when it was collected.

#include "executors/processes/exchange/chunk_progress.hpp"
#include "executors/processes/exchange/exchange.hpp"
#include "executors/processes/exchange/ring_room.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/executors/detail/process_call.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace coeval::detail {

inline constexpr std::uint32_t slot_count = 256;
inline constexpr std::size_t inbox_room = std::size_t{128} << 10;   // bytes of arguments
inline constexpr std::size_t outbox_room = std::size_t{256} << 10;  // bytes of results

// Which bytes of those are in use, as their writer knows it.
using InboxRoom = RingRoom<inbox_room, view_alignment>;
using OutboxRoom = RingRoom<outbox_room, view_alignment>;

// What ProcessPoolOptions::max_result_size may be. The text and the stack of an error have to fit.
inline constexpr std::size_t least_max_result_size = std::size_t{1} << 20;
inline constexpr std::size_t most_max_result_size = std::size_t{1} << 40;

// A chunk ends early when its results take so much: no chunk is larger than that and one result more.
inline constexpr std::size_t most_of_chunk = std::size_t{16} << 20;

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
  PoolWords words;
  alignas(64) std::array<InSlot, slot_count> slots;
  alignas(64) std::array<std::byte, inbox_room> room;
};

enum class Outcome : std::uint32_t { returned, raised };

// Whether a worker ends after the task, to be replaced, and why.
enum class Spent : std::uint32_t { no, out_of_memory, above };

struct alignas(64) OutSlot {
  TaskClaim claim;
  ChunkProgress progress;
  Extent result;
  std::uint32_t outcome = 0;
  std::uint32_t descriptors = 0;
  std::uint32_t spent = 0;    // of Spent
  std::int64_t began_ns = 0;  // of CLOCK_MONOTONIC; written when the task begins
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
  atomic<std::int32_t> signal{0};  // before frames
  std::array<Frame, most_frames> frame;
};

struct WorkerOutbox {
  WorkerWords words;
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
