// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A queue of byte strings in memory that processes share, which the death of any of them at any
// instruction leaves whole.
//
// 1. There is a lock for writers and a lock for readers. Both are robust: whoever wants one whose
//    holder died gets it, and is told.
// 2. The messages are in rings, each twice as large as the one before. The writers' lock guards
//    write_ring_, the tails and the free bytes of the rings; the readers' lock guards read_ring_
//    and the heads.
// 3. A message is put by one store of its ring's tail, after its bytes; it is taken by one store of
//    the head, after its bytes were copied. Before that store nothing has happened, after it
//    everything has. So who gets the lock of a dead holder finds the queue whole, and repairs
//    nothing.
// 4. A writer that finds its ring full goes on to the next, for good; the tail that it leaves is
//    final. Readers follow when they see that, and the ring is empty. Going on puts and takes
//    nothing.
// 5. At most one reader and one writer sleep for the other side, the holders of the locks. The
//    sleeper first stores its mark, then looks once more; who moves a head or a tail does so
//    first, then looks at the other side's mark, and wakes (all sequentially consistent).
// 6. One who dies before it wakes leaves a sleeper with something to do. The next holder of the
//    dead one's lock wakes it; and every sleeper looks again on its own now and then.
// 7. A process that shares the memory may write into it whatever it likes, at any time. So each
//    number is fetched once, into a Slot or a First, and what was checked there is what is used; the
//    number of rings is that of the file, and every place is taken modulo its ring.

#include "multiprocessing/locks/robust_mutex.hpp"
#include "multiprocessing/memory/shared_object.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/pickle/parcel.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace coeval::multiprocessing::detail {

// What the memory begins with. The rings follow it, from data_offset.
class SharedQueue {
 public:
  static constexpr std::uint32_t most_rings = 16;
  static constexpr std::size_t first_ring = std::size_t{1} << 18;
  static constexpr std::size_t data_offset = 4096;

  // rings: as many as there is memory for; pages only for the first is enough.
  SharedQueue(SharedHeader header, std::uint32_t maxsize, std::uint32_t rings);

  static constexpr std::size_t ring_size(std::uint32_t ring) noexcept { return first_ring << ring; }
  // The offset of a ring; of the end, for the number of rings.
  static constexpr std::size_t ring_offset(std::uint32_t ring) noexcept {
    return data_offset + ring_size(ring) - first_ring;
  }

  // Makes the bytes from an offset on usable, or throws.
  class Room {
   public:
    virtual void make(std::size_t offset, std::size_t size) const = 0;

   protected:
    ~Room() = default;
  };

  enum class Put : std::uint8_t { done, timed_out, too_large };

  // rings: as the constructor got them, not as the memory says now. Errors: what room.make() throws;
  // RuntimeError if the memory is damaged.
  Put put(std::span<const std::byte> message, Deadline deadline, std::uint32_t rings,
          const Room& room);
  // Whether there was a message in time; if it does not fit in memory, it stays. Errors:
  // std::bad_alloc; RuntimeError if the memory is damaged.
  bool get(pickle::Bytes& message, Deadline deadline, std::uint32_t rings);

  const SharedHeader& header() const noexcept { return header_; }
  std::size_t size() const noexcept;
  std::uint32_t maxsize() const noexcept { return maxsize_; }
  std::uint32_t rings() const noexcept { return rings_; }

  // Counts a message as dealt with; false if all are. Errors: RuntimeError if the memory is damaged.
  bool task_done();
  // Whether all are dealt with in time.
  bool join(Deadline deadline) const noexcept;

 private:
  // A place in a ring: in the high half how many messages came before it since the beginning, in
  // the low half how many words of 8 bytes. Both wrap around.
  using Place = std::uint64_t;

  struct Ring {
    alignas(64) atomic<Place> tail{0};
    alignas(64) atomic<Place> head{0};
  };

  static Place after(Place place, std::uint64_t words) noexcept;
  static std::uint64_t words_between(Place head, Place tail) noexcept {
    return static_cast<std::uint32_t>(tail) - static_cast<std::uint32_t>(head);
  }
  static std::uint32_t messages_between(Place head, Place tail) noexcept {
    return static_cast<std::uint32_t>((tail >> 32) - (head >> 32));
  }

  // Where a message is to be put: a ring that there is, and the tail that it had when its room was
  // measured.
  struct Slot {
    Put found;
    std::uint32_t ring;
    Place tail;
  };
  // Where the first message may be: a ring that there is, and its two ends.
  struct First {
    std::uint32_t ring;
    Place head;
    Place tail;
  };

  class Turn;
  Locked enter(RobustMutex& mutex, Deadline deadline, bool (SharedQueue::*has_to_wait)() const);
  bool is_empty() const noexcept { return size() == 0; }
  bool is_full() const noexcept { return maxsize_ != 0 && size() >= maxsize_; }

  bool find_message(First& first, std::uint32_t rings);
  Slot find_room(std::uint64_t words, Deadline deadline, std::uint32_t rings, const Room& room);
  bool has_room(Slot& slot, std::uint64_t words) const noexcept;
  std::uint32_t messages_put() const noexcept;

  void copy_in(std::uint32_t ring, Place place, std::size_t skip,
               std::span<const std::byte> from) noexcept;
  void copy_out(std::uint32_t ring, Place place, std::size_t skip,
                std::span<std::byte> to) const noexcept;

  const SharedHeader header_;
  const std::uint32_t maxsize_;
  const std::uint32_t rings_;
  alignas(64) RobustMutex writers_;
  atomic<std::uint32_t> writer_sleeps_{0};
  atomic<std::uint32_t> write_ring_{0};
  alignas(64) RobustMutex readers_;
  atomic<std::uint32_t> reader_sleeps_{0};
  atomic<std::uint32_t> read_ring_{0};
  alignas(64) atomic<std::uint32_t> done_{0};
  std::array<Ring, most_rings> ring_{};
};

static_assert(sizeof(SharedQueue) <= SharedQueue::data_offset);

}  // namespace coeval::multiprocessing::detail
