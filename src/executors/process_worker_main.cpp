// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/process_worker_main.hpp"

#include "executors/process_buffers.hpp"
#include "executors/process_codes.hpp"
#include "executors/process_crash.hpp"
#include "executors/process_region.hpp"
#include "executors/process_setup.hpp"
#include "executors/process_stop.hpp"
#include "multiprocessing/packet_socket.hpp"

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/core/throw_stack.hpp>
#include <coeval/executors/detail/process_call.hpp>

#include <cxxabi.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>

namespace coeval::detail {
namespace {

using multiprocessing::detail::receive_packet;
using multiprocessing::detail::send_packet;

constexpr std::size_t alignment = view_alignment;

constexpr std::size_t aligned(std::size_t size) noexcept {
  return (size + alignment - 1) / alignment * alignment;
}

// A child that a task has forked is no worker: it ends where the task returns.
bool is_forked_child = false;

// Where the result of a task is written: at first in memory of this process.
class ResultRoom final : public pickle::ArchiveRoom {
 public:
  explicit ResultRoom(BufferStore& store) noexcept : store_(store) {}

  std::span<std::byte> grow(std::span<const std::byte> written, std::size_t size) override {
    if (size <= own_.size()) {
      return own_;
    }
    const bool first = buffer_ == nullptr;
    std::shared_ptr<SharedBuffer> larger =
        store_.take(first ? size : std::max(size, 2 * written.size()));
    if (!written.empty()) {
      std::memcpy(larger->bytes().data(), written.data(), written.size());
    }
    buffer_ = std::move(larger);
    return buffer_->bytes();
  }

  std::shared_ptr<SharedBuffer> take_buffer() noexcept { return std::exchange(buffer_, nullptr); }

 private:
  BufferStore& store_;
  std::shared_ptr<SharedBuffer> buffer_;
  std::array<std::byte, std::size_t{4} << 10> own_;
};

class WorkerMain {
 public:
  explicit WorkerMain(WorkerEnds ends)
      : inbox_memory_(ends.inbox, sizeof(WorkerInbox), false),
        outbox_memory_(ends.outbox, sizeof(WorkerOutbox), true),
        inbox_(*reinterpret_cast<const WorkerInbox*>(inbox_memory_.data())),
        outbox_(*reinterpret_cast<WorkerOutbox*>(outbox_memory_.data())),
        socket_(std::move(ends.socket)),
        stop_(inbox_) {
    note_crashes(outbox_.crash);
  }

  void serve() {
    for (std::uint32_t position = 0; wait_until_posted(position); ++position) {
      OutSlot& out = outbox_.slots[position % slot_count];
      std::uint64_t expected = claim_of(position, Claim::ready);
      // Invariant 2. Acquire: the slot was written before it.
      if (out.claim.compare_exchange_strong(expected, claim_of(position, Claim::running),
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
        run(position, inbox_.slots[position % slot_count], out);
        out.claim.store(claim_of(position, Claim::done), std::memory_order_release);
      }
      pass(position);
      if (!is_set_up_) {
        return;  // the pool is broken, and what it has posted here must not run
      }
    }
  }

 private:
  // False when the pool closes.
  bool wait_until_posted(std::uint32_t position) {
    std::uint32_t posted = inbox_.posted.load(std::memory_order_acquire);
    if (posted == position && began_ns_ != 0 &&
        inbox_.may_spin.load(std::memory_order_relaxed) != 0) {
      posted = spin_until_posted(position);
    }
    while (posted == position) {
      began_ns_ = 0;
      outbox_.cpu_ns.store(sys().thread_cpu_ns(sys().thread_self()), std::memory_order_relaxed);
      const std::uint32_t wakes = inbox_.wakes.load(std::memory_order_seq_cst);
      outbox_.asleep.store(1, std::memory_order_seq_cst);  // invariant 4
      posted = inbox_.posted.load(std::memory_order_seq_cst);
      if (posted == position) {
        if (inbox_.closing.load(std::memory_order_seq_cst) != 0) {
          return false;
        }
        inbox_.wakes.wait_shared(wakes, never);
      }
      outbox_.asleep.store(0, std::memory_order_seq_cst);
      posted = inbox_.posted.load(std::memory_order_acquire);
    }
    return true;
  }

  // Tasks that come one after the other are met awake: a wake costs as much as twenty of them.
  std::uint32_t spin_until_posted(std::uint32_t position) const noexcept {
    constexpr std::int64_t longest_ns = 20'000;
    constexpr int looks = 50;
    do {
      for (int i = 0; i < looks; ++i) {
        const std::uint32_t posted = inbox_.posted.load(std::memory_order_acquire);
        if (posted != position) {
          return posted;
        }
        spin_pause();
      }
    } while (sys().monotonic_ns() - began_ns_ < longest_ns);
    return position;
  }

  // Invariants 3 and 5.
  void pass(std::uint32_t position) {
    outbox_.passed.store(position + 1, std::memory_order_seq_cst);
    const std::uint32_t seen = outbox_.wanted.load(std::memory_order_seq_cst);
    if (seen == 0) {
      return;
    }
    const std::uint32_t ready = position + 1 - inbox_.collected.load(std::memory_order_relaxed);
    if ((seen & lazily) != 0 && ready < batch_size &&
        inbox_.posted.load(std::memory_order_relaxed) != position + 1) {
      return;
    }
    const std::uint32_t wanted = outbox_.wanted.exchange(0, std::memory_order_seq_cst);
    if ((wanted & by_waiter) != 0) {
      outbox_.event.fetch_add(1, std::memory_order_seq_cst);
      outbox_.event.notify_one_shared();
    } else if (wanted != 0) {
      try {
        send({.kind = PacketHead::Kind::notice}, {}, {}, Deadline(std::chrono::seconds(0)));
      } catch (const TimeoutError&) {  // NOLINT(bugprone-empty-catch): so many notices are there
      }
    }
  }

  void send(const PacketHead& head, std::span<const std::byte> more,
            std::span<const FileDescriptor> descriptors, Deadline deadline) {
    send_packet(socket_.get(), std::as_bytes(std::span(&head, 1)), more, descriptors, deadline);
  }

  // Takes what the pool has sent, one packet.
  void receive_one() {
    pickle::Parcel packet =
        receive_packet(socket_.get(), std::numeric_limits<std::size_t>::max(), never);
    PacketHead head;
    std::memcpy(&head, packet.bytes.data(), std::min(sizeof head, packet.bytes.size()));
    if (head.kind == PacketHead::Kind::descriptors) {
      descriptors_[head.number] = std::move(packet.descriptors);
    } else if (head.kind == PacketHead::Kind::buffer && !packet.descriptors.empty()) {
      received_.add(head.number, std::move(packet.descriptors.front()));
      known_buffers_.push_back(head.number);
      for (std::size_t at = sizeof head; at + sizeof(std::uint32_t) <= packet.bytes.size();
           at += sizeof(std::uint32_t)) {
        std::uint32_t gone = 0;
        std::memcpy(&gone, packet.bytes.data() + at, sizeof gone);
        received_.forget(gone);
        std::erase(known_buffers_, gone);
      }
    }
  }

  std::span<const std::byte> bytes_of(const Extent& extent) {
    if (extent.buffer == 0) {
      return {inbox_.room.data() + extent.offset, static_cast<std::size_t>(extent.size)};
    }
    while (std::ranges::find(known_buffers_, extent.buffer) == known_buffers_.end()) {
      receive_one();
    }
    return received_.bytes(extent.buffer, extent.size);
  }

  std::vector<FileDescriptor> descriptors_of(std::uint32_t position) {
    while (!descriptors_.contains(position)) {
      receive_one();
    }
    std::vector<FileDescriptor> descriptors = std::move(descriptors_[position]);
    descriptors_.erase(position);
    return descriptors;
  }

  void run(std::uint32_t position, const InSlot& in, OutSlot& out) {
    const std::int64_t began_ns = began_ns_ != 0 ? began_ns_ : sys().monotonic_ns();
    ResultRoom room(*store_);
    Outcome outcome = Outcome::returned;
    pickle::OutputArchive archive(room);
    std::vector<FileDescriptor> descriptors;
    ThrowStack stack;
    try {
      learn_codes(in);
      const std::span<const std::byte> bytes = bytes_of(in.arguments);
      if (in.descriptors != 0) {
        descriptors = descriptors_of(position);
      }
      pickle::InputArchive arguments = in.descriptors != 0
                                           ? pickle::InputArchive(bytes, descriptors)
                                           : pickle::InputArchive(bytes);
      const CrashLimit limit;
      stack.watch([&] { call(position, in, arguments, archive); });
    } catch (const abi::__forced_unwind&) {
      std::exit(0);  // NOLINT(concurrency-mt-unsafe): pthread_exit, and other threads are there
    } catch (...) {
      outcome = Outcome::raised;
      archive.take();
      write_error(archive, stack);
    }
    if (is_forked_child) {
      ::_exit(outcome == Outcome::returned ? 0 : 1);
    }
    is_set_up_ = is_set_up_ || outcome == Outcome::returned;
    put_result(position, out, room, archive, outcome);
    began_ns_ = sys().monotonic_ns();
    out.wall_ns = began_ns_ - began_ns;
  }

  void learn_codes(const InSlot& in) {
    pickle::InputArchive codes(bytes_of(in.codes));
    while (codes.remaining() != 0) {
      learn_numbered_code(codes);
    }
  }

  void call(std::uint32_t position, const InSlot& in, pickle::InputArchive& arguments,
            pickle::OutputArchive& result) {
    if (position == 0) {
      set_up(arguments);
      return;
    }
    const auto entry = reinterpret_cast<CallEntry>(code_of_number(in.entry_code));
    if (in.takes_stop_token != 0) {
      const StopListener::Task task(stop_, position);
      entry(arguments, result, task.token());
    } else {
      entry(arguments, result, std::stop_token());
    }
  }

  // Without what it carries if that cannot be pickled.
  static void write_error(pickle::OutputArchive& archive, const ThrowStack& stack) {
    const std::exception_ptr error = std::current_exception();
    try {
      pickle::write_exception(archive, error, stack);
    } catch (...) {
      archive.take();
      pickle::write_exception(
          archive,
          std::make_exception_ptr(RuntimeError("coeval::ProcessPoolExecutor: the task raised " +
                                               describe(error) + ", which cannot cross")),
          std::string());
    }
  }

  // Frees the room of results that were collected: invariant 6.
  void free_collected() {
    const std::uint32_t collected = inbox_.collected.load(std::memory_order_acquire);
    while (!in_use_.empty() &&
           static_cast<std::int32_t>(collected - in_use_.front().position) > 0) {
      room_begin_ = in_use_.front().room_end;
      in_use_.pop_front();
    }
    if (in_use_.empty()) {
      room_begin_ = room_end_ = 0;
    }
  }

  // The place of so many bytes in the room; none if there is no room now.
  std::optional<std::uint64_t> room_for(std::size_t size) {
    const std::uint64_t left = outbox_room - room_end_ % outbox_room;
    const std::uint64_t place = size <= left ? room_end_ : room_end_ + left;
    if (place + size - room_begin_ > outbox_room) {
      return std::nullopt;
    }
    return place;
  }

  void put_result(std::uint32_t position, OutSlot& out, ResultRoom& room,
                  pickle::OutputArchive& archive, Outcome outcome) {
    free_collected();
    const std::span<const std::byte> bytes = archive.written();
    InUse use{.position = position, .room_end = room_end_, .buffer = room.take_buffer()};
    out.result = {.offset = 0, .size = bytes.size(), .buffer = 0};
    if (use.buffer == nullptr && !bytes.empty()) {
      if (const auto place = room_for(aligned(bytes.size()))) {
        out.result.offset = *place % outbox_room;
        std::memcpy(outbox_.room.data() + out.result.offset, bytes.data(), bytes.size());
        room_end_ = *place + aligned(bytes.size());
        use.room_end = room_end_;
      } else {
        use.buffer = store_->take(bytes.size());
        std::memcpy(use.buffer->bytes().data(), bytes.data(), bytes.size());
      }
    }
    if (use.buffer != nullptr) {
      send_buffer(*use.buffer);
      out.result.buffer = use.buffer->number();
    }
    if (use.buffer != nullptr || use.room_end != room_begin_) {
      in_use_.push_back(std::move(use));
    }
    const std::vector<FileDescriptor> descriptors = archive.take().descriptors;
    out.descriptors = static_cast<std::uint32_t>(descriptors.size());
    if (!descriptors.empty()) {
      send({.kind = PacketHead::Kind::descriptors, .number = position}, {}, descriptors, never);
    }
    out.outcome = static_cast<std::uint32_t>(outcome);
  }

  void send_buffer(const SharedBuffer& buffer) {
    if (std::ranges::find(sent_buffers_, buffer.number()) != sent_buffers_.end()) {
      return;
    }
    std::vector<std::uint32_t> gone;
    std::ranges::copy_if(sent_buffers_, std::back_inserter(gone),
                         [this](std::uint32_t number) { return !store_->has(number); });
    std::vector<FileDescriptor> file;
    file.push_back(buffer.file().duplicate());
    send({.kind = PacketHead::Kind::buffer, .number = buffer.number()},
         std::as_bytes(std::span(gone)), file, never);
    std::erase_if(sent_buffers_, [&](std::uint32_t number) {
      return std::ranges::find(gone, number) != gone.end();
    });
    sent_buffers_.push_back(buffer.number());
  }

  // What the pool has not collected yet.
  struct InUse {
    std::uint32_t position = 0;
    std::uint64_t room_end = 0;
    std::shared_ptr<SharedBuffer> buffer;
  };

  const Mapping inbox_memory_;
  const Mapping outbox_memory_;
  const WorkerInbox& inbox_;
  WorkerOutbox& outbox_;
  const FileDescriptor socket_;
  StopListener stop_;
  const std::shared_ptr<BufferStore> store_ = std::make_shared<BufferStore>(2);
  std::vector<std::uint32_t> sent_buffers_;
  std::deque<InUse> in_use_;
  std::uint64_t room_begin_ = 0;
  std::uint64_t room_end_ = 0;
  ReceivedBuffers received_;
  std::vector<std::uint32_t> known_buffers_;
  std::map<std::uint32_t, std::vector<FileDescriptor>> descriptors_;
  bool is_set_up_ = false;
  std::int64_t began_ns_ = 0;  // when the last task ended; 0: there was a rest since
};

}  // namespace

// Ctrl-C is for the program, which decides what becomes of its workers.
void run_worker(WorkerEnds ends) {
  ::signal(SIGINT, SIG_IGN);
  if (::pthread_atfork(nullptr, nullptr, [] { is_forked_child = true; }) != 0) {
    throw std::bad_alloc();
  }
  // Never destroyed: the thread that hears of stop requests uses it to the end.
  static WorkerMain& worker = *new WorkerMain(std::move(ends));
  worker.serve();
}

}  // namespace coeval::detail
