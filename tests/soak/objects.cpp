// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "soak/objects.hpp"

#include <coeval/core/errors.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <tuple>

namespace soak {
namespace {

using namespace std::chrono_literals;

// Long enough that a kill comes in between now and then.
void linger() {
  for (int i = 0; i < 300; ++i) {
    asm volatile("");
  }
}

constexpr std::size_t inside = 0;
constexpr std::size_t came = 1;
constexpr std::size_t went = 2;
constexpr std::int64_t places = 5;

}  // namespace

Objects Objects::make() {
  Objects objects;
  objects.counts = mp::SharedArray<std::int64_t>(static_cast<std::size_t>(Count::end));
  objects.seen = mp::SharedArray<std::uint8_t>(most_tickets);
  objects.twins = mp::SharedArray<Twins>(2);
  objects.room = mp::SharedArray<std::int64_t>(3);
  std::tie(objects.receiving, objects.sending) = mp::Pipe(false);
  return objects;
}

std::int64_t Objects::get(Count count) const {
  return std::atomic_ref(counts[static_cast<std::size_t>(count)]).load();
}
std::int64_t Objects::add(Count count, std::int64_t number) const {
  return std::atomic_ref(counts[static_cast<std::size_t>(count)]).fetch_add(number);
}

void Objects::step(Dice& dice) {
  switch (dice.below(10)) {
    case 0:
      update(value.get_lock(), value.get_obj().first, value.get_obj().second, Count::value_updates);
      break;
    case 1:
      update(array.get_lock(), array.get_obj()[0], array.get_obj()[1], Count::array_updates);
      break;
    case 2:
      update(lock, twins[0].first, twins[0].second, Count::lock_updates);
      break;
    case 3:
      update_rlock();
      break;
    case 4:
      use_permit();
      break;
    case 5:
      ring(dice);
      break;
    case 6:
      meet();
      break;
    case 7:
      enter_or_leave_room(dice.one_in(2));
      break;
    case 8:
      send(dice);
      break;
    default:
      receive(dice);
  }
  add(Count::steps);
}

template <class L>
void Objects::update(const L& holder, std::int64_t& first, std::int64_t& second,
                     Count count) const {
  holder.acquire_or_repair([&] {
    add(Count::told);
    first = second = std::max(first, second);
  });
  if (first != second) {
    add(Count::wrong);
  }
  ++std::atomic_ref(first);
  linger();
  ++std::atomic_ref(second);
  holder.release();
  add(count);
}

void Objects::update_rlock() const {
  rlock.acquire_or_repair([&] {
    add(Count::told);
    twins[1].first = twins[1].second = std::max(twins[1].first, twins[1].second);
  });
  update(rlock, twins[1].first, twins[1].second, Count::rlock_updates);
  rlock.release();
}

void Objects::use_permit() const {
  try {
    if (semaphore.acquire(20ms)) {
      linger();
      semaphore.release();
      add(Count::permits);
    }
  } catch (const coeval::OwnerDied&) {
    add(Count::told);
  }
}

void Objects::ring(Dice& dice) const {
  switch (dice.below(3)) {
    case 0:
      return event.set();
    case 1:
      return event.clear();
    default:
      event.wait(1ms);
  }
}

void Objects::meet() const {
  try {
    add(barrier.wait(2ms) == 0 ? Count::first_place : Count::second_place);
  } catch (const coeval::BrokenBarrierError&) {
    if (barrier.broken()) {
      barrier.reset();
    }
  }
}

void Objects::repair_room() const {
  add(Count::told);
  room[inside] = room[came] - room[went];
  room_changed.notify_all();
}

void Objects::enter_or_leave_room(bool enters) const {
  room_lock.acquire_or_repair([this] { repair_room(); });
  const auto may_go = [&] { return enters ? room[inside] < places : room[inside] > 0; };
  if (!may_go()) {
    try {
      room_changed.wait(2ms);
    } catch (const coeval::OwnerDied&) {
      repair_room();
    }
  }
  if (room[inside] != room[came] - room[went]) {
    add(Count::wrong);
  }
  if (may_go()) {
    ++std::atomic_ref(room[enters ? came : went]);
    linger();
    std::atomic_ref(room[inside]).fetch_add(enters ? 1 : -1);
    room_changed.notify();
  }
  room_lock.release();
}

Message Objects::next_message(Dice& dice) const {
  const auto ticket = static_cast<std::uint64_t>(add(Count::tickets));
  return {.ticket = ticket, .body = bytes_of(ticket, dice.one_in(50) ? 100'000 : ticket % 1000)};
}

void Objects::note_received(const Message& message, Count count) const {
  const bool is_whole = message.ticket < most_tickets &&
                        message.body == bytes_of(message.ticket, message.body.size());
  if (!is_whole) {
    add(Count::wrong);
    return;
  }
  if (std::atomic_ref(seen[message.ticket]).fetch_add(1) != 0) {
    add(Count::doubled);
  }
  add(count);
}

void Objects::send(Dice& dice) {
  if (get(Count::tickets) + 1000 > static_cast<std::int64_t>(most_tickets)) {
    return;
  }
  try {
    if (!dice.one_in(2)) {
      sending.send(next_message(dice), 2ms);
      add(Count::pipe_sent);
    } else if (queue.try_put(next_message(dice), 2ms)) {
      add(Count::queue_sent);
    }
  } catch (const coeval::TimeoutError&) {
    // Nobody receives just now.
  }
}

void Objects::receive(Dice& dice) {
  try {
    if (dice.one_in(2)) {
      note_received(receiving.recv<Message>(1ms), Count::pipe_received);
    } else if (const auto message = queue.try_get(1ms)) {
      note_received(*message, Count::queue_received);
    }
  } catch (const coeval::TimeoutError&) {
    // Nobody sends just now.
  }
}

void Objects::drain() {
  while (const auto message = queue.try_get(100ms)) {
    note_received(*message, Count::queue_received);
  }
  while (receiving.poll()) {
    note_received(receiving.recv<Message>(), Count::pipe_received);
  }
}

}  // namespace soak
