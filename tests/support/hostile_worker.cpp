// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/hostile_worker.hpp"

#include "executors/processes/exchange/region.hpp"
#include "support/hostile_packets.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <thread>

namespace support {
namespace {

using namespace coeval::detail;

struct Memory {
  std::byte* begin = nullptr;
  std::size_t size = 0;
};

// The pool's memory in this process, of at least that size.
Memory memory_of_pool(bool writable, std::size_t size) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::string rights;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> rights;
    if (line.find("memfd:coeval-pool") != std::string::npos && end - begin >= size &&
        (rights.find('w') != std::string::npos) == writable) {
      return {.begin = reinterpret_cast<std::byte*>(begin), .size = end - begin};
    }
  }
  std::abort();
}

class HostileWorker {
 public:
  HostileWorker(const HostileSamples& samples, std::uint64_t seed)
      : samples_(samples),
        random_(seed),
        inbox_(*reinterpret_cast<const WorkerInbox*>(
            memory_of_pool(false, sizeof(WorkerInbox)).begin)),
        outbox_(*reinterpret_cast<WorkerOutbox*>(memory_of_pool(true, sizeof(WorkerOutbox)).begin)),
        side_(inbox_.words, outbox_.words),
        packets_(random_) {}
  HostileWorker(const HostileSamples& samples, std::uint64_t seed, const WorkerInbox& inbox,
                WorkerOutbox& outbox, int socket)
      : samples_(samples),
        random_(seed),
        inbox_(inbox),
        outbox_(outbox),
        side_(inbox_.words, outbox_.words),
        packets_(random_, socket) {}

  void end_setup(Outcome outcome, const Extent& result) {
    OutSlot& setup = outbox_.slots[0];
    setup.result = result;
    setup.outcome = static_cast<std::uint32_t>(outcome);
    setup.claim.end(0);
    pass(0);
  }

  void serve(bool flips) {
    end_setup(Outcome::returned, {});
    while (side_.collected() == 0) {
      std::this_thread::yield();
    }
    if (flips) {
      std::thread([this, seed = random_()] {
        Random random(seed);
        while (true) {
          flip(random);
        }
      }).detach();
    }
    while (true) {
      if (!side_.sleep_until_posted(next_)) {
        ::_exit(0);
      }
      answer_posted();
    }
  }

  void answer_posted() {
    for (; side_.is_posted(next_); ++next_) {
      OutSlot& out = outbox_.slots[next_ % slot_count];
      if (out.claim.begin(next_)) {
        const InSlot& in = inbox_.slots[next_ % slot_count];
        if (in.elements == 0) {
          answer(next_, kind_of(in), out);
        } else {
          answer_chunk(next_, in, out);
        }
        out.claim.end(next_);
      }
      pass(next_);
    }
  }

  std::uint64_t random() { return random_(); }

  // Of a second thread: what the pool may be reading.
  void flip(Random& random) {
    for (int i = 0; i < 64; ++i) {
      const std::uint64_t slot = random.below(slot_count);
      OutSlot& out = outbox_.slots[slot];
      const std::array<std::uint64_t*, 2> places{&out.result.offset, &out.result.size};
      const std::array<std::uint32_t*, 3> words{&out.result.buffer, &out.outcome, &out.descriptors};
      switch (random.below(32)) {
        case 0:
          __atomic_store_n(places[random.below(places.size())], awkward(random), __ATOMIC_RELAXED);
          break;
        case 1:
          __atomic_store_n(words[random.below(words.size())],
                           static_cast<std::uint32_t>(random.below(4)), __ATOMIC_RELAXED);
          break;
        case 2:
          out.progress.begin({.element = static_cast<std::uint32_t>(random.below(300)),
                              .end = static_cast<std::uint32_t>(random.below(300))});
          break;
        default:
          __atomic_store_n(reinterpret_cast<std::uint64_t*>(outbox_.room.data() + slot * own_room) +
                               random.below(4),
                           awkward(random), __ATOMIC_RELAXED);
          break;
      }
    }
    std::this_thread::yield();
  }

 private:
  std::size_t kind_of(const InSlot& in) const {
    const std::size_t behind = 1 + in.elements * sizeof(std::uint32_t);  // where each begins
    if (in.arguments.buffer != 0 || in.arguments.size < behind) {
      return 0;
    }
    const auto last = inbox_.room[in.arguments.offset + in.arguments.size - behind];
    return static_cast<std::size_t>(last) % HostileSamples::kinds;
  }

  void pass(std::uint32_t position) {
    if (side_.pass(position, false)) {
      packets_.send_notice();
    }
  }

  // ---- the nonsense

  void begin(OutSlot& out) {
    out.outcome = static_cast<std::uint32_t>(Outcome::returned);
    out.descriptors = 0;
    const std::uint64_t taken = random_.one_in(4096) ? awkward(random_) : random_.below(1000);
    out.wall_ns = static_cast<std::int64_t>(taken);
  }

  void answer(std::uint32_t position, std::size_t kind, OutSlot& out) {
    Extent extent{.offset = position % slot_count * own_room, .size = 0, .buffer = 0};
    begin(out);
    const bool raises = random_.one_in(4);
    const auto& sample = raises ? samples_.exceptions[random_.below(samples_.exceptions.size())]
                                : samples_.results[kind];
    if (raises) {
      out.outcome = static_cast<std::uint32_t>(Outcome::raised);
    }
    switch (random_.below(8)) {
      case 0:
        extent.size = put(extent.offset, sample);
        break;
      case 1:  // any bytes
        extent.size = random_.below(own_room);
        for (std::uint64_t i = 0; i < extent.size; ++i) {
          outbox_.room[extent.offset + i] = static_cast<std::byte>(random_());
        }
        break;
      case 2:  // any place
        extent = {.offset = awkward(random_), .size = awkward(random_), .buffer = 0};
        break;
      default:
        extent.size = put(extent.offset, sample);
        mutate(extent);
        break;
    }
    end(position, out, extent);
  }

  // The results of its elements, one behind the other, and a progress.
  void answer_chunk(std::uint32_t position, const InSlot& in, OutSlot& out) {
    constexpr std::size_t most = 8 * own_room;
    Extent extent{.offset = position % (slot_count / 8) * most, .size = 0, .buffer = 0};
    begin(out);
    const std::uint32_t end_of_it = out.progress.read().end;
    const std::size_t kind = kind_of(in);
    for (std::uint32_t i = in.first; i < end_of_it && extent.size + own_room < most; ++i) {
      const bool raises = random_.one_in(8);
      const auto& sample = raises ? samples_.exceptions[random_.below(samples_.exceptions.size())]
                                  : samples_.results[kind];
      outbox_.room[extent.offset + extent.size++] = static_cast<std::byte>(raises ? 1 : 0);
      extent.size += put(extent.offset + extent.size, sample);
    }
    std::uint32_t element = end_of_it;
    if (random_.one_in(4)) {
      mutate(extent);
    }
    if (random_.one_in(4)) {
      element = static_cast<std::uint32_t>(random_.one_in(4) ? awkward(random_)
                                                             : random_.below(end_of_it + 2));
    }
    out.progress.begin({.element = element, .end = random_.one_in(16) ? element : end_of_it});
    end(position, out, extent);
  }

  void end(std::uint32_t position, OutSlot& out, Extent extent) {
    if (random_.one_in(16)) {
      out.outcome = static_cast<std::uint32_t>(random_());
    }
    if (random_.one_in(32)) {
      out.descriptors = static_cast<std::uint32_t>(awkward(random_));
    }
    if (random_.one_in(64)) {
      extent.buffer = static_cast<std::uint32_t>(random_.one_in(4) ? random_() : random_.below(8));
    }
    if (random_.one_in(512)) {
      const std::uint32_t sent = packets_.send_nonsense(position);
      out.descriptors = random_.one_in(2) ? sent : out.descriptors;
    }
    out.result = extent;
  }

  std::uint64_t put(std::uint64_t offset, std::span<const std::byte> bytes) {
    const std::size_t size = std::min<std::size_t>(bytes.size(), own_room);
    if (size != 0) {
      std::memcpy(outbox_.room.data() + offset, bytes.data(), size);
    }
    return size;
  }

  void mutate(Extent& extent) {
    for (std::uint64_t changes = 1 + random_.below(4); changes > 0 && extent.size > 0; --changes) {
      std::byte* const at = outbox_.room.data() + extent.offset + random_.below(extent.size);
      switch (random_.below(5)) {
        case 0:
          *at ^= static_cast<std::byte>(1U << random_.below(8));
          break;
        case 1:
          *at = static_cast<std::byte>(random_());
          break;
        case 2:  // a length, where one may be
          if (at + sizeof(std::uint64_t) <= outbox_.room.data() + outbox_room) {
            const std::uint64_t number = awkward(random_);
            std::memcpy(at, &number, sizeof number);
          }
          break;
        case 3:
          extent.size = random_.below(extent.size + 1);
          break;
        default:
          extent.size = std::min<std::uint64_t>(extent.size + random_.below(16), own_room);
          break;
      }
    }
  }

  static constexpr std::size_t own_room = outbox_room / slot_count;  // of a position

  const HostileSamples& samples_;
  Random random_;
  const WorkerInbox& inbox_;
  WorkerOutbox& outbox_;
  WorkerSide side_;
  HostilePackets packets_;
  std::uint32_t next_ = 1;
};

}  // namespace

void end_setup_with_nonsense() {
  const HostileSamples none;
  HostileWorker worker(none, 1);
  worker.end_setup(Outcome::raised, {.offset = outbox_room, .size = 1, .buffer = 77});
  while (true) {
    ::pause();
  }
}

struct HostileHand::Parts {
  HostileWorker worker;
  std::jthread flipper = {};
};

HostileHand::HostileHand(const HostileSamples& samples, std::uint64_t seed,
                         const WorkerInbox& inbox, WorkerOutbox& outbox, int socket)
    : parts_(new Parts{.worker = HostileWorker(samples, seed, inbox, outbox, socket)}) {}

HostileHand::~HostileHand() = default;

void HostileHand::end_setup() {
  parts_->worker.end_setup(Outcome::returned, {});
}

void HostileHand::flip() {
  parts_->flipper = std::jthread(
      [this, random = Random(parts_->worker.random())](const std::stop_token& stop) mutable {
        while (!stop.stop_requested()) {
          parts_->worker.flip(random);
        }
      });
}

void HostileHand::answer() {
  parts_->worker.answer_posted();
}

void answer_with_nonsense(const HostileSamples& samples, std::uint64_t seed, bool flips) {
  static HostileWorker& worker =
      *new HostileWorker(samples, seed);  // its thread uses it to the end
  worker.serve(flips);
  std::abort();
}

}  // namespace support
