// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/worker/worker_loop.hpp"

#include "executors/processes/exchange/codes.hpp"
#include "executors/processes/exchange/crash_site.hpp"
#include "executors/processes/exchange/setup.hpp"
#include "multiprocessing/channels/packet_socket.hpp"
#include "multiprocessing/processes/parent_tie.hpp"

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/core/throw_stack.hpp>
#include <coeval/executors/detail/process_call.hpp>
#include <coeval/executors/detail/process_chunk.hpp>

#include <cxxabi.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace coeval::detail {
namespace {

using multiprocessing::detail::drop_packet;
using multiprocessing::detail::peek_packet;

// A child that a task has forked is no worker: it ends where the task returns.
bool is_forked_child = false;

// A length that no memory has is an error of the program, and says nothing of the process.
bool is_out_of_memory(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_array_new_length&) {
    return false;
  } catch (const std::bad_alloc&) {
    return true;
  } catch (...) {
    return false;
  }
}

// Without what it carries if that cannot be pickled. Whether it tells that there is no memory.
bool write_error(pickle::OutputArchive& archive, const ThrowStack& stack) {
  const std::exception_ptr error = std::current_exception();
  const std::size_t size = archive.size();
  const std::size_t descriptors = archive.descriptor_count();
  constexpr std::size_t most_of_text = 10'000;  // it may be the text that is too long
  try {
    pickle::write_exception(archive, error, stack);
  } catch (...) {
    archive.rewind(size, descriptors);
    pickle::write_exception(archive,
                            std::make_exception_ptr(RuntimeError(
                                "coeval::ProcessPoolExecutor: the task raised " +
                                describe(error).substr(0, most_of_text) + ", which cannot cross")),
                            stack);
  }
  return is_out_of_memory(error);
}

void end_forked_child(bool well) {
  if (is_forked_child) {
    ::_exit(well ? 0 : 1);
  }
}

// Calls the elements of a chunk, and shows each result as soon as it is there.
class ElementLoop final : public ChunkLoop {
 public:
  ElementLoop(const InSlot& in, OutSlot& out, std::span<const std::byte> bytes,
              pickle::InputArchive& arguments, pickle::OutputArchive& results, ChunkRoom& room)
      : in_(in), out_(out), bytes_(bytes), arguments_(arguments), results_(results), room_(room) {
    arguments_.go_on_with(bytes_.first(place(0)));
  }

  bool met_bad_alloc() const noexcept { return met_bad_alloc_; }

  void run(One one, void* context) override {
    std::uint32_t element = in_.first;
    do {
      arguments_.go_on_with(bytes_.subspan(place(element), place(element + 1) - place(element)));
      run_one(one, context);
      room_.show(out_, results_);
      if (!out_.progress.advance()) {
        return;
      }
      ++element;
    } while (results_.descriptor_count() == 0 && results_.size() < most_of_chunk &&
             !met_bad_alloc_);
    // Descriptors are sent when the chunk ends; and without memory no other element has a chance.
    out_.progress.stop_here();
  }

 private:
  // Where the arguments of an element begin; those of the last one end where this table does.
  std::size_t place(std::uint32_t element) const noexcept {
    const std::size_t table = bytes_.size() - in_.elements * sizeof(std::uint32_t);
    if (element == in_.elements) {
      return table;
    }
    std::uint32_t place = 0;
    std::memcpy(&place, bytes_.data() + table + element * sizeof place, sizeof place);
    return place;
  }

  void run_one(One one, void* context) {
    const std::size_t size = results_.size();
    const std::size_t descriptors = results_.descriptor_count();
    try {
      results_(static_cast<std::uint8_t>(Outcome::returned));
      stack_->watch([&] { one(context, arguments_); });
      end_forked_child(true);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      end_forked_child(false);
      results_.rewind(size, descriptors);
      results_(static_cast<std::uint8_t>(Outcome::raised));
      met_bad_alloc_ = write_error(results_, *stack_);
      stack_.emplace();
    }
  }

  const InSlot& in_;
  OutSlot& out_;
  const std::span<const std::byte> bytes_;
  pickle::InputArchive& arguments_;
  pickle::OutputArchive& results_;
  ChunkRoom& room_;
  std::optional<ThrowStack> stack_{std::in_place};
  bool met_bad_alloc_ = false;
};

}  // namespace

// What a task is called with. Stays where it is.
struct WorkerLoop::Arguments {
  Arguments(WorkerLoop& worker, std::uint32_t position, const InSlot& in) {
    worker.learn_codes(in);
    bytes = worker.bytes_of(in.arguments);
    if (in.descriptors != 0) {
      descriptors = worker.descriptors_of(position);
      archive.emplace(bytes, descriptors);
    } else {
      archive.emplace(bytes);
    }
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  std::span<const std::byte> bytes;
  std::vector<FileDescriptor> descriptors;
  mutable std::optional<pickle::InputArchive> archive;
};

void WorkerLoop::this_process_is_forked() noexcept {
  is_forked_child = true;
}

WorkerLoop::WorkerLoop(WorkerEnds ends)
    : inbox_memory_(ends.inbox, sizeof(WorkerInbox), false),
      outbox_memory_(ends.outbox, sizeof(WorkerOutbox), true),
      inbox_(*reinterpret_cast<const WorkerInbox*>(inbox_memory_.data())),
      outbox_(*reinterpret_cast<WorkerOutbox*>(outbox_memory_.data())),
      side_(inbox_.words, outbox_.words),
      socket_(std::move(ends.socket)),
      stop_(side_),
      shelf_(side_, outbox_, socket_) {}

void WorkerLoop::serve() {
  for (std::uint32_t position = 0; wait_until_posted(position); ++position) {
    OutSlot& out = outbox_.slots[position % slot_count];
    Spent spent = Spent::no;
    if (out.claim.begin(position)) {
      const InSlot& in = inbox_.slots[position % slot_count];
      const std::int64_t began_ns = began_ns_ != 0 ? began_ns_ : sys().monotonic_ns();
      out.began_ns = began_ns;
      run(position, in, out);
      began_ns_ = sys().monotonic_ns();
      out.wall_ns = began_ns_ - began_ns;
      spent = position != 0 ? judge_memory(out.wall_ns) : Spent::no;
      out.spent = static_cast<std::uint32_t>(spent);
      out.claim.end(position);
    }
    pass(position, inbox_.slots[position % slot_count].elements != 0);
    if (!is_set_up_ || spent != Spent::no) {
      return;  // what the pool has posted here must not run: it is broken, or others run it
    }
  }
}

Spent WorkerLoop::judge_memory(std::int64_t wall_ns) noexcept {
  if (met_bad_alloc_) {
    return Spent::out_of_memory;
  }
  return memory_.is_above_after(wall_ns) ? Spent::above : Spent::no;
}

// False when the pool closes, or this process keeps too much memory: then it ends while it has
// nothing to do.
bool WorkerLoop::wait_until_posted(std::uint32_t position) {
  if (side_.is_posted(position) ||
      (began_ns_ != 0 && side_.may_spin() && spin_until_posted(position))) {
    return true;
  }
  began_ns_ = 0;
  if (memory_.is_above_at_rest()) {
    return false;
  }
  outbox_.cpu_ns.store(sys().thread_cpu_ns(sys().thread_self()), std::memory_order_relaxed);
  multiprocessing::detail::renew_parent_tie();  // the task may have changed the user
  return side_.sleep_until_posted(position);
}

// Tasks that come one after the other are met awake: a wake costs as much as twenty of them.
bool WorkerLoop::spin_until_posted(std::uint32_t position) const noexcept {
  constexpr std::int64_t longest_ns = 20'000;
  constexpr int looks = 50;
  do {
    for (int i = 0; i < looks; ++i) {
      if (side_.is_posted(position)) {
        return true;
      }
      spin_pause();
    }
  } while (sys().monotonic_ns() - began_ns_ < longest_ns);
  return false;
}

// A chunk is a batch.
void WorkerLoop::pass(std::uint32_t position, bool is_chunk) {
  if (side_.pass(position, is_chunk)) {
    send_notice();
  }
}

// The kernel may have no memory for it at this moment. If it refuses for ever, this process ends: of
// that the pool hears otherwise, and collects what is done. A pool that does not listen looks by
// itself. Errors: std::system_error.
void WorkerLoop::send_notice() const {
  constexpr int most_tries = 100;
  for (int tries = 1;; ++tries) {
    try {
      shelf_.send({.kind = PacketHead::Kind::notice}, {}, {}, Deadline(std::chrono::seconds(0)));
      return;
    } catch (const TimeoutError&) {
      return;  // so many notices are there
    } catch (const std::system_error& error) {
      if (tries < most_tries) {
        continue;
      }
      if (error.code() == std::errc::broken_pipe) {
        return;
      }
      throw;
    }
  }
}

// Takes what the pool has sent, one packet. Where there is no descriptor or memory for it, it comes later.
void WorkerLoop::receive_one() {
  constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();
  pickle::Parcel packet = peek_packet(socket_.get(), any_size, never);
  PacketHead head;
  std::memcpy(&head, packet.bytes.data(), std::min(sizeof head, packet.bytes.size()));
  if (head.kind == PacketHead::Kind::descriptors) {
    descriptors_[head.number] = std::move(packet.descriptors);
  } else if (head.kind == PacketHead::Kind::buffer && !packet.descriptors.empty()) {
    received_.add(head.number, packet.descriptors.front());
    for (std::size_t at = sizeof head; at + sizeof(std::uint32_t) <= packet.bytes.size();
         at += sizeof(std::uint32_t)) {
      std::uint32_t gone = 0;
      std::memcpy(&gone, packet.bytes.data() + at, sizeof gone);
      received_.forget(gone);
    }
  }
  drop_packet(socket_.get());
}

std::span<const std::byte> WorkerLoop::bytes_of(const Extent& extent) {
  if (extent.buffer == 0) {
    return {inbox_.room.data() + extent.offset, static_cast<std::size_t>(extent.size)};
  }
  while (!received_.has(extent.buffer)) {
    receive_one();
  }
  return received_.bytes(extent.buffer, extent.size);
}

std::vector<FileDescriptor> WorkerLoop::descriptors_of(std::uint32_t position) {
  while (!descriptors_.contains(position)) {
    receive_one();
  }
  std::vector<FileDescriptor> descriptors = std::move(descriptors_[position]);
  std::erase_if(descriptors_, [position](const auto& one) {
    return static_cast<std::int32_t>(one.first - position) <= 0;  // or was taken back
  });
  return descriptors;
}

void WorkerLoop::run(std::uint32_t position, const InSlot& in, OutSlot& out) {
  met_bad_alloc_ = false;
  ResultRoom room(shelf_.store(), shelf_.max_result_size());
  Outcome outcome = Outcome::returned;
  pickle::OutputArchive archive(room);
  archive.require_sealed();
  ThrowStack stack;
  try {
    const Arguments arguments(*this, position, in);
    if (in.elements != 0) {
      run_chunk(position, in, out, arguments);
      return;
    }
    const CrashLimit limit;
    stack.watch([&] { call(position, in, *arguments.archive, archive); });
  } catch (const abi::__forced_unwind&) {
    std::exit(0);  // NOLINT(concurrency-mt-unsafe): pthread_exit, and other threads are there
  } catch (...) {
    outcome = Outcome::raised;
    archive.take();
    met_bad_alloc_ = write_error(archive, stack);
  }
  end_forked_child(outcome == Outcome::returned);
  is_set_up_ = is_set_up_ || outcome == Outcome::returned;
  try {
    shelf_.put(position, out, room, archive, outcome);
  } catch (const std::exception&) {  // there is no memory, or no descriptor, to hand it over with
    ResultRoom little(shelf_.store(), shelf_.max_result_size());
    pickle::OutputArchive error(little);
    met_bad_alloc_ = write_error(error, ThrowStack()) || met_bad_alloc_;
    shelf_.put(position, out, little, error, Outcome::raised);
  }
}

// Errors: what keeps it from calling an element, or from showing what that gave.
void WorkerLoop::run_chunk(std::uint32_t position, const InSlot& in, OutSlot& out,
                           const Arguments& arguments) {
  ChunkRoom room(shelf_);
  pickle::OutputArchive results(room);
  results.require_sealed();
  const CrashLimit limit;
  ElementLoop loop(in, out, arguments.bytes, *arguments.archive, results, room);
  reinterpret_cast<ChunkEntry>(code_of_number(in.entry_code))(*arguments.archive, results, loop);
  met_bad_alloc_ = loop.met_bad_alloc();
  room.finish(position, out, results);
}

void WorkerLoop::learn_codes(const InSlot& in) {
  pickle::InputArchive codes(bytes_of(in.codes));
  while (codes.remaining() != 0) {
    learn_numbered_code(codes);
  }
}

void WorkerLoop::call(std::uint32_t position, const InSlot& in, pickle::InputArchive& arguments,
                      pickle::OutputArchive& result) {
  if (position == 0) {
    const WorkerRules rules = set_up(arguments);
    memory_.begin(rules.memory);
    shelf_.set_max_result_size(rules.max_result_size);
    multiprocessing::detail::renew_parent_tie();  // the initializer may have changed the user
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

}  // namespace coeval::detail
