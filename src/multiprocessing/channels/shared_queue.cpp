// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/channels/shared_queue.hpp"

#include <coeval/core/errors.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

using namespace std::chrono_literals;

// A sleeper looks again after its first nap, then after naps twice as long each: invariant 6.
constexpr std::chrono::nanoseconds shortest_sleep = 50ms;
constexpr std::chrono::nanoseconds longest_sleep = 1s;

// How long a poll waits for another process that is at work on the queue.
constexpr std::chrono::nanoseconds patience = 50ms;

// So often no honest process comes first.
constexpr int most_rounds = 1 << 20;

constexpr std::uint64_t word = sizeof(std::uint64_t);

// A message with its size in front, in words.
std::uint64_t words_of(std::uint64_t size) noexcept {
  return 1 + (size + word - 1) / word;
}

// Waits until ready() or the deadline, with invariant 5: which of the two. The mark is this
// thread's until then.
template <class Ready>
bool sleep_until(atomic<std::uint32_t>& mark, Deadline deadline, Ready ready) {
  bool is_ready = ready();
  for (auto nap = shortest_sleep; !is_ready && !deadline.expired();
       nap = std::min(2 * nap, longest_sleep)) {
    mark.store(1, std::memory_order_seq_cst);
    is_ready = ready();
    if (!is_ready) {
      mark.wait_shared(1, std::min(deadline, Deadline(nap)));
      is_ready = ready();
    }
    mark.store(0, std::memory_order_relaxed);
  }
  return is_ready;
}

void wake(atomic<std::uint32_t>& mark) noexcept {
  if (mark.load(std::memory_order_seq_cst) != 0 &&
      mark.exchange(0, std::memory_order_relaxed) != 0) {
    mark.notify_one_shared();
  }
}

[[noreturn]] void throw_damaged() {
  throw RuntimeError(
      "coeval::multiprocessing::Queue: a process has overwritten the memory of the queue; it "
      "cannot "
      "be used any more");
}

}  // namespace

// Holds a lock for a call. Whoever follows a dead holder wakes the sleeper that this one may have
// left: invariant 6.
class SharedQueue::Turn {
 public:
  Turn(SharedQueue& queue, RobustMutex& mutex, atomic<std::uint32_t>& other_sleeps,
       Deadline deadline, bool (SharedQueue::*has_to_wait)() const)
      : mutex_(mutex), locked_(queue.enter(mutex, deadline, has_to_wait)) {
    if (locked_ == Locked::owner_died) {
      other_sleeps.notify_one_shared();
    }
  }
  ~Turn() {
    if (came()) {
      mutex_.unlock_if_owned();
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  bool came() const noexcept { return locked_ != Locked::timed_out; }

 private:
  RobustMutex& mutex_;
  Locked locked_;
};

SharedQueue::SharedQueue(SharedHeader header, std::uint32_t maxsize, std::uint32_t rings)
    : header_(header), maxsize_(maxsize), rings_(rings) {}

SharedQueue::Place SharedQueue::after(Place place, std::uint64_t words) noexcept {
  const auto messages = static_cast<std::uint32_t>(place >> 32) + 1;
  return (static_cast<std::uint64_t>(messages) << 32) | static_cast<std::uint32_t>(place + words);
}

// A poll that finds another at work must not take that for a queue that is full, or empty.
Locked SharedQueue::enter(RobustMutex& mutex, Deadline deadline,
                          bool (SharedQueue::*has_to_wait)() const) {
  Locked locked = mutex.lock(deadline);
  if (locked == Locked::timed_out) {
    for (const Deadline end(patience);
         locked == Locked::timed_out && !(this->*has_to_wait)() && !end.expired();) {
      locked = mutex.lock(std::min(end, Deadline(1ms)));
    }
  }
  return locked;
}

SharedQueue::Put SharedQueue::put(std::span<const std::byte> message, Deadline deadline,
                                  std::uint32_t rings, const Room& room) {
  const std::uint64_t size = message.size();
  const std::uint64_t words = words_of(size);
  const Turn turn(*this, writers_, reader_sleeps_, deadline, &SharedQueue::is_full);
  if (!turn.came() || !sleep_until(writer_sleeps_, deadline, [this] { return !is_full(); })) {
    return Put::timed_out;
  }
  const Slot slot = find_room(words, deadline, rings, room);
  if (slot.found != Put::done) {
    return slot.found;
  }
  copy_in(slot.ring, slot.tail, 0, std::as_bytes(std::span(&size, 1)));
  copy_in(slot.ring, slot.tail, word, message);
  ring_[slot.ring].tail.store(after(slot.tail, words), std::memory_order_seq_cst);  // invariant 3
  wake(reader_sleeps_);
  return Put::done;
}

// Moves on to a ring that has room for so many words, or waits until the last one has.
SharedQueue::Slot SharedQueue::find_room(std::uint64_t words, Deadline deadline,
                                         std::uint32_t rings, const Room& room) {
  Slot slot{.found = Put::done, .ring = write_ring_.load(std::memory_order_relaxed), .tail = 0};
  if (slot.ring >= rings) {
    throw_damaged();
  }
  if (has_room(slot, words)) {
    return slot;
  }
  if (words > ring_size(rings - 1) / word) {
    slot.found = Put::too_large;
    return slot;
  }
  if (slot.ring + 1 < rings) {
    do {
      ++slot.ring;
    } while (words > ring_size(slot.ring) / word);
    slot.tail = ring_[slot.ring].tail.load(std::memory_order_relaxed);
    room.make(ring_offset(slot.ring), ring_size(slot.ring));
    write_ring_.store(slot.ring, std::memory_order_seq_cst);  // invariant 4
    return slot;
  }
  if (!sleep_until(writer_sleeps_, deadline, [&, this] { return has_room(slot, words); })) {
    slot.found = Put::timed_out;
  }
  return slot;
}

// The head is what readers are done with: their copies come before it.
bool SharedQueue::has_room(Slot& slot, std::uint64_t words) const noexcept {
  const Place head = ring_[slot.ring].head.load(std::memory_order_seq_cst);
  slot.tail = ring_[slot.ring].tail.load(std::memory_order_relaxed);
  return words_between(head, slot.tail) + words <= ring_size(slot.ring) / word;
}

bool SharedQueue::get(pickle::Bytes& message, Deadline deadline, std::uint32_t rings) {
  const Turn turn(*this, readers_, writer_sleeps_, deadline, &SharedQueue::is_empty);
  First first{};
  if (!turn.came() ||
      !sleep_until(reader_sleeps_, deadline, [&, this] { return find_message(first, rings); })) {
    return false;
  }
  const std::uint64_t words = words_between(first.head, first.tail);
  std::uint64_t size = 0;
  copy_out(first.ring, first.head, 0, std::as_writable_bytes(std::span(&size, 1)));
  if (words > ring_size(first.ring) / word || size > words * word || words_of(size) > words) {
    throw_damaged();
  }
  message.resize(size);
  copy_out(first.ring, first.head, word, message);
  ring_[first.ring].head.store(after(first.head, words_of(size)),
                               std::memory_order_seq_cst);  // invariant 3
  wake(writer_sleeps_);
  return true;
}

// Follows the writers to the ring of the first message; false if there is none.
bool SharedQueue::find_message(First& first, std::uint32_t rings) {
  first.ring = read_ring_.load(std::memory_order_relaxed);
  while (first.ring < rings) {
    // Read before the tail: if it is beyond this ring, the tail is final (invariant 4).
    const std::uint32_t last = write_ring_.load(std::memory_order_seq_cst);
    first.head = ring_[first.ring].head.load(std::memory_order_relaxed);
    first.tail = ring_[first.ring].tail.load(std::memory_order_seq_cst);
    if (first.tail != first.head) {
      return true;
    }
    if (first.ring >= last) {
      return false;
    }
    ++first.ring;
    read_ring_.store(first.ring, std::memory_order_seq_cst);
  }
  throw_damaged();
}

// A head that is read before its tail is never beyond it.
std::size_t SharedQueue::size() const noexcept {
  std::size_t messages = 0;
  const std::uint32_t last = std::min(write_ring_.load(std::memory_order_seq_cst), most_rings - 1);
  for (std::uint32_t i = read_ring_.load(std::memory_order_seq_cst); i <= last; ++i) {
    const Place head = ring_[i].head.load(std::memory_order_seq_cst);
    messages += messages_between(head, ring_[i].tail.load(std::memory_order_seq_cst));
  }
  return messages;
}

std::uint32_t SharedQueue::messages_put() const noexcept {
  std::uint32_t messages = 0;
  for (const Ring& ring : ring_) {
    messages += static_cast<std::uint32_t>(ring.tail.load(std::memory_order_acquire) >> 32);
  }
  return messages;
}

bool SharedQueue::task_done() {
  std::uint32_t done = done_.load(std::memory_order_relaxed);
  for (int i = 0; i < most_rounds; ++i) {
    if (done == messages_put()) {
      return false;
    }
    if (done_.compare_exchange_weak(done, done + 1, std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      if (done + 1 == messages_put()) {
        done_.notify_all_shared();
      }
      return true;
    }
  }
  throw_damaged();
}

// One who dies between the count and the wake leaves sleepers, who look again on their own.
bool SharedQueue::join(Deadline deadline) const noexcept {
  for (auto nap = shortest_sleep;; nap = std::min(2 * nap, longest_sleep)) {
    const std::uint32_t done = done_.load(std::memory_order_acquire);
    if (done == messages_put()) {
      return true;
    }
    if (deadline.expired()) {
      return false;
    }
    done_.wait_shared(done, std::min(deadline, Deadline(nap)));
  }
}

// Both begin skip bytes behind a place, and go on at the beginning of the ring after its end.
void SharedQueue::copy_in(std::uint32_t ring, Place place, std::size_t skip,
                          std::span<const std::byte> from) noexcept {
  std::byte* const data = reinterpret_cast<std::byte*>(this) + ring_offset(ring);
  const std::size_t size = ring_size(ring);
  const std::size_t at = (static_cast<std::uint32_t>(place) * word + skip) & (size - 1);
  const std::size_t first = std::min(from.size(), size - at);
  std::copy_n(from.data(), first, data + at);
  std::copy_n(from.data() + first, from.size() - first, data);
}

void SharedQueue::copy_out(std::uint32_t ring, Place place, std::size_t skip,
                           std::span<std::byte> to) const noexcept {
  const std::byte* const data = reinterpret_cast<const std::byte*>(this) + ring_offset(ring);
  const std::size_t size = ring_size(ring);
  const std::size_t at = (static_cast<std::uint32_t>(place) * word + skip) & (size - 1);
  const std::size_t first = std::min(to.size(), size - at);
  std::copy_n(data + at, first, to.data());
  std::copy_n(data, to.size() - first, to.data() + first);
}

}  // namespace coeval::multiprocessing::detail
