// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// All kinds of shared objects at once, and what a process does to them by chance. Everything that it
// does is counted in shared memory after it was done: so the counts and the objects agree, but for one
// step of each process that was killed.

#include "soak/content.hpp"

#include <coeval/multiprocessing/array.hpp>
#include <coeval/multiprocessing/barrier.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/multiprocessing/semaphore.hpp>
#include <coeval/multiprocessing/shared_array.hpp>
#include <coeval/multiprocessing/value.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace soak {

namespace mp = coeval::multiprocessing;

// What is counted.
enum class Count : std::size_t {
  steps,
  is_ending,  // not 0: all shall end
  told,       // OwnerDied, or a repair
  wrong,      // what a lock protects was half changed, and nobody was told
  doubled,    // a message came twice
  value_updates,
  array_updates,
  lock_updates,
  rlock_updates,
  permits,  // taken and given back
  first_place,
  second_place,  // at the barrier
  tickets,       // messages that somebody began to send
  queue_sent,
  queue_received,
  pipe_sent,
  pipe_received,
  end,
};

// Two numbers that are equal whenever their lock is free.
struct Twins {
  std::int64_t first = 0;
  std::int64_t second = 0;
};

// A message: its number among all, and a body made of it.
struct Message {
  std::uint64_t ticket = 0;
  Bytes body;
};

// A handle of them all, that can be sent to a process.
struct Objects {
  static constexpr std::size_t most_tickets = std::size_t{1} << 22;
  static constexpr int permits = 2;

  static Objects make();

  std::int64_t get(Count count) const;
  std::int64_t add(Count count, std::int64_t number = 1) const;  // what it was before

  // One step of what the dice choose.
  void step(Dice& dice);
  // Receives what is left in the queue and the pipe, when nobody sends any more.
  void drain();

  template <class Archive>
  void serialize(Archive& archive) {
    archive(counts, seen, value, array, lock, rlock, twins, room_lock, room_changed, room,
            semaphore, event, barrier, queue, sending, receiving);
  }

  mp::SharedArray<std::int64_t> counts;
  mp::SharedArray<std::uint8_t> seen;  // by ticket
  mp::Value<Twins> value;
  mp::Array<std::int64_t> array = mp::Array<std::int64_t>(2);
  mp::Lock lock;
  mp::RLock rlock;
  mp::SharedArray<Twins> twins;  // under lock, and under rlock
  mp::Lock room_lock;
  mp::Condition room_changed{room_lock};
  mp::SharedArray<std::int64_t> room;  // how many are in it, came, went
  mp::Semaphore semaphore{permits};
  mp::Event event;
  mp::Barrier barrier{2};
  mp::Queue<Message> queue{20};
  mp::Connection sending;
  mp::Connection receiving;

 private:
  template <class L>
  void update(const L& holder, std::int64_t& first, std::int64_t& second, Count count) const;
  void update_rlock() const;
  void use_permit() const;
  void ring(Dice& dice) const;
  void meet() const;
  void enter_or_leave_room(bool enters) const;
  void repair_room() const;
  Message next_message(Dice& dice) const;
  void note_received(const Message& message, Count count) const;
  void send(Dice& dice);
  void receive(Dice& dice);
};

}  // namespace soak
