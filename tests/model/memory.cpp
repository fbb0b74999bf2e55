// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/memory.hpp"

#include "model/search.hpp"

#include <utility>

namespace model {
namespace {

bool is_acquire(std::memory_order order) noexcept {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst || order == std::memory_order_consume;
}

bool is_release(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

// A choice of what to read has at most this many options, so that a letter can name it.
constexpr int most_values = 30;

}  // namespace

// ---- knowledge

void Knowledge::see(std::uint32_t location, std::uint32_t position) {
  if (location >= seen.size()) {
    seen.resize(location + 1);
  }
  seen[location] = std::max(seen[location], position);
}

void Knowledge::join(const Knowledge& other) {
  clock.join(other.clock);
  if (seen.size() < other.seen.size()) {
    seen.resize(other.seen.size());
  }
  for (std::size_t i = 0; i < other.seen.size(); ++i) {
    seen[i] = std::max(seen[i], other.seen[i]);
  }
}

void Knowledge::clear() noexcept {
  clock = Clock{};
  seen.clear();
}

// ---- locations

void MemoryModel::begin(Memory kind, int stale_reads, Chooser& chooser) noexcept {
  kind_ = kind;
  stale_reads_left_ = stale_reads;
  chooser_ = &chooser;
  used_ = 0;
  static std::uint32_t last_execution = 0;
  if (++last_execution == 0) {
    std::ranges::fill(slots_, Slot{});
    last_execution = 1;
  }
  execution_ = last_execution;
  for (Knowledge& thread : threads_) {
    thread.clear();
  }
  threads_[0].clock.set(0, 1);
}

MemoryModel::Slot& MemoryModel::slot_of(const void* address) noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = (reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15U >> 40U) & mask;
  while (slots_[i].execution == execution_ && slots_[i].address != address) {
    i = (i + 1) & mask;
  }
  return slots_[i];
}

std::uint32_t MemoryModel::add_location(std::uint64_t value) {
  if (used_ == locations_.size()) {
    locations_.emplace_back();
  }
  Location& location = locations_[used_];
  location.number = used_;
  location.newest = 0;
  location.newest_seq_cst = 0;
  location.birth = {};
  if (location.stores.empty()) {
    location.stores.emplace_back();
  }
  location.stores[0].value = value;
  location.stores[0].released.clear();
  return used_++;
}

MemoryModel::Location& MemoryModel::at(const void* address, std::uint64_t value) {
  Slot* slot = &slot_of(address);
  if (slot->execution != execution_) {
    if (std::size_t{used_} * 2 >= slots_.size()) {
      grow();
      slot = &slot_of(address);
    }
    *slot = {address, execution_, add_location(value)};
  }
  return locations_[slot->location];
}

void MemoryModel::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.execution == execution_) {
      slot_of(slot.address) = slot;
    }
  }
}

void MemoryModel::construct(int thread, const void* address, std::uint64_t value) {
  Slot& slot = slot_of(address);
  if (slot.execution == execution_) {
    slot.location = add_location(value);  // the memory was used before, by something that is gone
  }
  at(address, value).birth = now(thread);
}

std::uint32_t MemoryModel::number_of(const void* address) {
  return at(address, 0).number;
}

MemoryModel::Message& MemoryModel::message(Location& location, std::uint32_t position) noexcept {
  return location.stores[kind_ == Memory::weak ? position : 0];
}

MemoryModel::Message& MemoryModel::append(Location& location) {
  ++location.newest;
  if (kind_ == Memory::weak && location.newest == location.stores.size()) {
    location.stores.emplace_back();
  }
  return message(location, location.newest);
}

// ---- threads

void MemoryModel::fork(int parent, int child) {
  thread_of(child) = thread_of(parent);
  thread_of(child).clock.set(child, 1);
  thread_of(parent).clock.tick(parent);
}

void MemoryModel::join(int parent, int child) {
  thread_of(parent).join(thread_of(child));
}

// ---- accesses

void MemoryModel::read(Knowledge& knowledge, Location& location, std::uint32_t position,
                       std::memory_order order) {
  if (kind_ == Memory::weak) {
    knowledge.see(location.number, position);
  }
  if (is_acquire(order)) {
    knowledge.join(message(location, position).released);
  }
}

MemoryModel::Read MemoryModel::load(int thread, const void* address, std::uint64_t newest,
                                    std::memory_order order) {
  Location& location = at(address, newest);
  Knowledge& knowledge = thread_of(thread);
  std::uint32_t age = 0;
  if (kind_ == Memory::weak && stale_reads_left_ > 0) {
    std::uint32_t oldest = knowledge.position(location.number);
    if (order == std::memory_order_seq_cst) {
      oldest = std::max(oldest, location.newest_seq_cst);
    }
    if (oldest < location.newest) {
      const int options = std::min(static_cast<int>(location.newest - oldest) + 1, most_values);
      age = static_cast<std::uint32_t>(chooser_->choose(options, Choice::value));
      stale_reads_left_ -= age > 0 ? 1 : 0;
    }
  }
  const std::uint32_t position = location.newest - age;
  read(knowledge, location, position, order);
  return {message(location, position).value, age, !location.birth.happened_before(knowledge.clock)};
}

MemoryModel::Read MemoryModel::compare(int thread, const void* address, std::uint64_t newest,
                                       std::uint64_t expected, std::memory_order failure) {
  Location& location = at(address, newest);
  Knowledge& knowledge = thread_of(thread);
  const bool unborn = !location.birth.happened_before(knowledge.clock);
  std::array<std::uint32_t, most_values> positions{location.newest};
  int options = 1;
  if (kind_ == Memory::weak && stale_reads_left_ > 0) {
    std::uint32_t oldest = knowledge.position(location.number);
    if (failure == std::memory_order_seq_cst) {
      oldest = std::max(oldest, location.newest_seq_cst);
    }
    for (std::uint32_t i = location.newest; i-- > oldest && options < most_values;) {
      if (message(location, i).value != expected) {
        positions[static_cast<std::size_t>(options++)] = i;
      }
    }
  }
  const int chosen = options > 1 ? chooser_->choose(options, Choice::value) : 0;
  stale_reads_left_ -= chosen > 0 ? 1 : 0;
  const std::uint32_t position = positions[static_cast<std::size_t>(chosen)];
  const std::uint64_t value = message(location, position).value;
  if (value != expected) {  // an exchange reads in modify()
    read(knowledge, location, position, failure);
  }
  return {value, location.newest - position, unborn};
}

bool MemoryModel::store(int thread, const void* address, std::uint64_t newest, std::uint64_t value,
                        std::memory_order order) {
  Location& location = at(address, newest);
  Knowledge& knowledge = thread_of(thread);
  Message& written = append(location);
  if (kind_ == Memory::weak) {
    knowledge.see(location.number, location.newest);
  }
  written.value = value;
  if (is_release(order)) {
    written.released = knowledge;
    knowledge.clock.tick(thread);
  } else {
    written.released.clear();
  }
  if (order == std::memory_order_seq_cst) {
    location.newest_seq_cst = location.newest;
  }
  return !location.birth.happened_before(knowledge.clock);
}

bool MemoryModel::modify(int thread, const void* address, std::uint64_t newest, std::uint64_t value,
                         std::memory_order order) {
  Location& location = at(address, newest);
  Knowledge& knowledge = thread_of(thread);
  const bool unborn = !location.birth.happened_before(knowledge.clock);
  read(knowledge, location, location.newest, order);
  const std::uint32_t replaced = location.newest;
  Message& written = append(location);
  if (kind_ == Memory::weak) {
    knowledge.see(location.number, location.newest);
    written.released = message(location, replaced).released;
  }
  written.value = value;
  if (is_release(order)) {
    written.released.join(knowledge);
    knowledge.clock.tick(thread);
  }
  if (order == std::memory_order_seq_cst) {
    location.newest_seq_cst = location.newest;
  }
  return unborn;
}

void MemoryModel::look(int thread, const void* address, std::uint64_t newest) {
  Location& location = at(address, newest);
  if (kind_ == Memory::weak) {
    thread_of(thread).see(location.number, location.newest);
  }
}

}  // namespace model
