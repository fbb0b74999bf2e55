// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The memory of the model: which store a load reads, and what happens before what.
//
// The model is RC11's (Lahav, Vafeiadis, Kang, Hur, Dreyer: Repairing Sequential Consistency in
// C/C++11, PLDI 2017) run as a machine with views, as the promising semantics without promises
// (Kang et al., POPL 2017). Its rules:
//  1. The stores to a location are in one order, that in which they were executed.
//  2. A thread knows a position in that order for each location. A load reads at that position or
//     later and moves the position there; a store or a read-modify-write works on the newest.
//  3. A release store takes the thread's knowledge with it; an acquire load that reads it adds it
//  to
//     its own. A read-modify-write passes on what the store that it replaces carried.
//  4. A seq_cst load reads nothing older than the newest seq_cst store to that location.
// Under Memory::sequential a load always reads the newest store; rule 3 stays, and with it the
// detection of data races.

#include "model/options.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace model {

class Chooser;

// A vector clock: how many steps of each thread happened before this moment.
class Clock {
 public:
  std::int32_t of(int thread) const noexcept { return times_[index(thread)]; }
  void tick(int thread) noexcept { ++times_[index(thread)]; }
  void set(int thread, std::int32_t time) noexcept { times_[index(thread)] = time; }
  void join(const Clock& other) noexcept {
    for (std::size_t i = 0; i < times_.size(); ++i) {
      times_[i] = std::max(times_[i], other.times_[i]);
    }
  }

 private:
  static std::size_t index(int thread) noexcept { return static_cast<std::size_t>(thread); }
  std::array<std::int32_t, max_threads> times_{};
};

// What a thread knows, and what a release store hands on.
struct Knowledge {
  Clock clock;
  std::vector<std::uint32_t> seen;  // by location: the position of the store; 0 beyond the end

  std::uint32_t position(std::uint32_t location) const noexcept {
    return location < seen.size() ? seen[location] : 0;
  }
  void see(std::uint32_t location, std::uint32_t position);
  void join(const Knowledge& other);
  void clear() noexcept;
};

// The moment at which something happened on a thread.
struct Moment {
  std::int32_t thread = -1;  // -1: before the execution began
  std::int32_t time = 0;

  bool happened_before(const Clock& clock) const noexcept {
    return thread < 0 || clock.of(thread) >= time;
  }
};

class MemoryModel {
 public:
  // Forgets everything; the next execution begins.
  void begin(Memory kind, int stale_reads, Chooser& chooser) noexcept;

  // A new thread knows what its parent knows, and the parent what it knew at its end.
  void fork(int parent, int child);
  void join(int parent, int child);

  struct Read {
    std::uint64_t value;
    std::uint32_t age;    // how many stores to the location are newer
    bool unborn = false;  // the atomic's construction does not happen before this access
  };

  // Each takes the value that the atomic holds, which is the location's first if it is not known.
  Read load(int thread, const void* address, std::uint64_t newest, std::memory_order order);
  bool store(int thread, const void* address, std::uint64_t newest, std::uint64_t value,
             std::memory_order order);
  bool modify(int thread, const void* address, std::uint64_t newest, std::uint64_t value,
              std::memory_order order);

  // The value that a compare-exchange compares: the newest, or an older one that is not expected.
  Read compare(int thread, const void* address, std::uint64_t newest, std::uint64_t expected,
               std::memory_order failure);

  // What the kernel compares before it puts a thread to sleep: the newest value.
  void look(int thread, const void* address, std::uint64_t newest);

  // An atomic was constructed at this address.
  void construct(int thread, const void* address, std::uint64_t value);

  const Clock& clock(int thread) const noexcept {
    return threads_[static_cast<std::size_t>(thread)].clock;
  }
  Moment now(int thread) const noexcept { return {thread, clock(thread).of(thread)}; }

  // A number of the execution, different from those of the others of this program.
  std::uint32_t execution() const noexcept { return execution_; }

  // The number by which reports call an atomic that has no name: the order of first use.
  std::uint32_t number_of(const void* address);

 private:
  struct Message {
    std::uint64_t value = 0;
    Knowledge released;
  };
  struct Location {
    std::uint32_t number = 0;
    std::uint32_t newest = 0;  // position in the order of stores
    std::uint32_t newest_seq_cst = 0;
    Moment birth;
    std::vector<Message> stores;  // sequential memory keeps only the newest, at 0
  };
  struct Slot {
    const void* address = nullptr;
    std::uint32_t execution = 0;
    std::uint32_t location = 0;
  };

  Location& at(const void* address, std::uint64_t value);
  Slot& slot_of(const void* address) noexcept;
  std::uint32_t add_location(std::uint64_t value);
  void grow();
  Message& append(Location& location);
  Message& message(Location& location, std::uint32_t position) noexcept;
  Knowledge& thread_of(int thread) noexcept { return threads_[static_cast<std::size_t>(thread)]; }
  void read(Knowledge& knowledge, Location& location, std::uint32_t position,
            std::memory_order order);

  Memory kind_ = Memory::sequential;
  int stale_reads_left_ = 0;
  Chooser* chooser_ = nullptr;
  std::array<Knowledge, max_threads> threads_;
  std::vector<Location> locations_;
  std::uint32_t used_ = 0;  // of locations_
  std::vector<Slot> slots_ = std::vector<Slot>(256);
  std::uint32_t execution_ = 0;
};

}  // namespace model
