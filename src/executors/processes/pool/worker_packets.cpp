// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/pool/worker_packets.hpp"

#include "executors/processes/exchange/region.hpp"
#include "multiprocessing/channels/closer.hpp"
#include "multiprocessing/channels/packet_socket.hpp"

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

namespace coeval::detail {
namespace {

using multiprocessing::detail::close_elsewhere;
using multiprocessing::detail::Closing;

// A buffer grows to twice its size, and to whole megabytes.
constexpr std::size_t largest_buffer(std::size_t max_result_size) {
  return 2 * (max_result_size + most_of_chunk) + (std::size_t{1} << 20);
}

constexpr int most_refusals = 100;

void require(bool right) {
  if (!right) {
    throw PickleError("coeval::ProcessPoolExecutor: a packet that no worker sends");
  }
}

}  // namespace

WorkerPackets::WorkerPackets(const FileDescriptor& socket, std::size_t max_result_size) noexcept
    : socket_(socket), buffers_(largest_buffer(max_result_size)) {}

WorkerPackets::~WorkerPackets() {
  for (auto& [position, descriptors] : descriptors_) {
    close_elsewhere(std::move(descriptors), Closing::at_once);
  }
}

// A worker that sends without end does not hold up the pool.
WorkerPackets::News WorkerPackets::receive(std::uint32_t collected) noexcept {
  constexpr std::size_t most_bytes = 8192;
  constexpr int most_packets = 300;
  constexpr std::size_t most_held = 64;  // and one packet more
  const Deadline now(std::chrono::seconds(0));
  if (refusals_ >= most_refusals) {
    return News::refused;  // untaken_ says why
  }
  untaken_ = nullptr;
  bool is_full = false;
  News news = News::none;
  for (int i = 0; i < most_packets && news == News::none && untaken_ == nullptr; ++i) {
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    is_full = held_ >= most_held;
    if (is_full || sys().descriptor.poll(&ready, 1, 0) <= 0) {
      break;
    }
    try {
      pickle::Parcel packet = multiprocessing::detail::peek_packet(socket_.get(), most_bytes, now);
      take(packet, collected);
      multiprocessing::detail::drop_packet(socket_.get());
      close_elsewhere(std::move(packet.descriptors), Closing::at_once);
    } catch (const TimeoutError&) {
      break;
    } catch (const EOFError&) {
      news = News::closed;
    } catch (const Error&) {
      news = News::nonsense;
    } catch (...) {
      untaken_ = std::current_exception();
    }
  }
  if (untaken_ == nullptr) {
    refusals_ = 0;
  } else if (is_refused_for_ever()) {
    has_untaken_.store(false, std::memory_order_relaxed);
    return News::refused;
  }
  has_untaken_.store(is_full || untaken_ != nullptr, std::memory_order_relaxed);
  return news;
}

bool WorkerPackets::is_refused_for_ever() noexcept {
  try {
    std::rethrow_exception(untaken_);
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    if (code != EMFILE && code != ENFILE && code != ENOMEM && code != ENOBUFS) {
      ++refusals_;
    }
  } catch (...) {  // no memory
    return false;
  }
  return refusals_ >= most_refusals;
}

// What is left in the packet is closed.
void WorkerPackets::take(pickle::Parcel& packet, std::uint32_t collected) {
  PacketHead head;
  require(packet.bytes.size() >= sizeof head);
  std::memcpy(&head, packet.bytes.data(), sizeof head);
  if (head.kind == PacketHead::Kind::descriptors) {
    if (head.number - collected >= slot_count) {
      return;  // its result was collected without them
    }
    const auto [place, is_first] = descriptors_.try_emplace(head.number);
    require(is_first);
    place->second = std::move(packet.descriptors);
    held_ += place->second.size();
  } else if (head.kind == PacketHead::Kind::buffer) {
    require(packet.descriptors.size() == 1);
    buffers_.add(head.number, packet.descriptors.front());
    for (std::size_t at = sizeof head; at + sizeof(std::uint32_t) <= packet.bytes.size();
         at += sizeof(std::uint32_t)) {
      std::uint32_t gone = 0;
      std::memcpy(&gone, packet.bytes.data() + at, sizeof gone);
      buffers_.forget(gone);
    }
  } else {
    require(head.kind == PacketHead::Kind::notice && packet.descriptors.empty());
  }
}

void WorkerPackets::fetch(std::uint32_t position, std::uint32_t buffer, std::uint32_t descriptors) {
  const auto is_there = [&] {
    return (buffer == 0 || buffers_.has(buffer)) &&
           (descriptors == 0 || descriptors_.contains(position));
  };
  if (is_there()) {
    return;
  }
  if (receive(position) == News::nonsense) {
    require(false);
  }
  if (!is_there() && untaken_ != nullptr) {
    std::rethrow_exception(untaken_);
  }
}

WorkerPackets::Descriptors WorkerPackets::take_descriptors(std::uint32_t position,
                                                           std::uint32_t count) {
  const auto found = descriptors_.find(position);
  if (found == descriptors_.end() || found->second.size() != count) {
    throw PickleError("coeval::ProcessPoolExecutor: a result's file descriptors did not come");
  }
  Descriptors descriptors;
  for (const FileDescriptor& descriptor : found->second) {
    int type = 0;
    socklen_t size = sizeof type;
    if (sys().descriptor.get_option(descriptor.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
      descriptors.sockets.push_back(descriptor.duplicate());
    }
  }
  held_ -= found->second.size();
  descriptors.all = std::move(found->second);
  descriptors_.erase(found);
  return descriptors;
}

void WorkerPackets::let_go(std::uint32_t position) noexcept {
  if (const auto found = descriptors_.find(position); found != descriptors_.end()) {
    held_ -= found->second.size();
    close_elsewhere(std::move(found->second), Closing::at_once);
    descriptors_.erase(found);
  }
}

}  // namespace coeval::detail
