// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/detail/message_queue.hpp>

#include "multiprocessing/channels/shared_queue.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

constexpr int ring_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

[[noreturn]] void fail_queue(int error, const char* what) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("coeval::multiprocessing::Queue: {}", what));
}

[[noreturn]] void throw_no_queue() {
  throw PickleError(
      "coeval::multiprocessing::Queue: what came is no queue; both processes need the same build "
      "of the library");
}

struct Unmap {
  std::size_t size;
  void operator()(void* address) const noexcept { sys().descriptor.unmap(address, size); }
};
using Address = std::unique_ptr<void, Unmap>;

// Null and *error if there is no place.
Address map(const FileDescriptor& file, std::size_t size, int* error) noexcept {
  return {sys().descriptor.map(size, PROT_READ | PROT_WRITE, file.get(), error), Unmap{size}};
}

}  // namespace

// The open file and its place in this process. The place is as large as the file can ever be used;
// pages are there for what the queue has needed.
class MessageQueue::Memory final : public SharedQueue::Room {
 public:
  explicit Memory(std::uint32_t maxsize) {
    const int fd = sys().descriptor.memory_file("coeval-queue");
    if (fd < 0) {
      fail_queue(-fd, "no memory file: memfd_create");
    }
    file_.reset(fd);
    reserve();
    make(0, SharedQueue::ring_offset(1));
    if (const int error = sys().descriptor.seal(file_.get(), ring_seals)) {
      fail_queue(error, "sealing the memory file");
    }
    new (address_.get())
        SharedQueue({.kind = SharedKind::queue, .size = sizeof(SharedQueue)}, maxsize, rings_);
  }

  // A queue that came from another process.
  explicit Memory(FileDescriptor file) : file_(std::move(file)) {
    const int seals = sys().descriptor.seals(file_.get());
    const ssize_t size = sys().descriptor.size(file_.get());
    while (rings_ > 0 && static_cast<ssize_t>(SharedQueue::ring_offset(rings_)) != size) {
      --rings_;
    }
    if (seals < 0 || (seals & ring_seals) != ring_seals || rings_ == 0) {
      throw_no_queue();
    }
    int error = 0;
    address_ = map(file_, SharedQueue::ring_offset(rings_), &error);
    if (address_ == nullptr) {
      fail_queue(error, "no place in this process's address space: mmap");
    }
    const SharedHeader found = queue().header();
    if (found.kind != SharedKind::queue || found.size != sizeof(SharedQueue) ||
        queue().rings() != rings_) {
      throw_no_queue();
    }
  }

  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() = default;

  SharedQueue& queue() const noexcept {
    return *std::launder(static_cast<SharedQueue*>(address_.get()));
  }
  std::uint32_t rings() const noexcept { return rings_; }
  const FileDescriptor& file() const noexcept { return file_; }

  void make(std::size_t offset, std::size_t size) const override {
    if (const int error = sys().descriptor.allocate(file_.get(), static_cast<off_t>(offset),
                                                    static_cast<off_t>(size))) {
      fail_queue(error, "no memory for what was put: fallocate");
    }
  }

 private:
  // Takes as much of the address space as this process may have (ulimit -v).
  void reserve() {
    int error = 0;
    for (; rings_ > 0; --rings_) {
      const std::size_t size = SharedQueue::ring_offset(rings_);
      error = sys().descriptor.truncate(file_.get(), static_cast<off_t>(size));
      if (error == 0) {
        address_ = map(file_, size, &error);
      }
      if (address_ != nullptr) {
        return;
      }
    }
    fail_queue(error, "no place in this process's address space: mmap");
  }

  FileDescriptor file_;
  std::uint32_t rings_ = SharedQueue::most_rings;
  Address address_;
};

MessageQueue::MessageQueue(std::size_t maxsize) {
  if (maxsize > std::numeric_limits<std::uint32_t>::max()) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::Queue: a maxsize of {}; give one up to {}, or 0 for no bound",
        maxsize, std::numeric_limits<std::uint32_t>::max()));
  }
  memory_ = std::make_shared<const Memory>(static_cast<std::uint32_t>(maxsize));
}

MessageQueue::MessageQueue(std::shared_ptr<const Memory> memory) noexcept
    : memory_(std::move(memory)) {}

const MessageQueue::Memory& MessageQueue::memory() const {
  if (memory_ == nullptr) {
    throw ValueError("coeval::multiprocessing::Queue: this handle is closed");
  }
  return *memory_;
}

bool MessageQueue::put(std::span<const std::byte> message, Deadline deadline) const {
  const Memory& memory = this->memory();
  const auto result = memory.queue().put(message, deadline, memory.rings(), memory);
  if (result == SharedQueue::Put::too_large) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::Queue: a value of {} bytes; a queue holds values up to {}. Put a "
        "part at a time, or hand it over in SharedMemory",
        message.size(), SharedQueue::ring_size(memory.rings() - 1) - sizeof(std::uint64_t)));
  }
  return result == SharedQueue::Put::done;
}

bool MessageQueue::get(pickle::Bytes& message, Deadline deadline) const {
  return memory().queue().get(message, deadline, memory().rings());
}

void MessageQueue::task_done() const {
  if (!memory().queue().task_done()) {
    throw ValueError(
        "coeval::multiprocessing::JoinableQueue: task_done() was called more often than values "
        "were "
        "put");
  }
}

void MessageQueue::join(Deadline deadline) const {
  if (!memory().queue().join(deadline)) {
    throw TimeoutError(
        "coeval::multiprocessing::JoinableQueue: join() gave up before all values were dealt with; "
        "call it again to wait on");
  }
}

std::size_t MessageQueue::size() const {
  return memory().queue().size();
}

std::size_t MessageQueue::maxsize() const {
  return memory().queue().maxsize();
}

void MessageQueue::save(pickle::OutputArchive& archive) const {
  archive.attach(memory().file());
}

MessageQueue MessageQueue::load(pickle::InputArchive& archive) {
  return MessageQueue(std::make_shared<const Memory>(archive.detach()));
}

void MessageQueue::throw_full(std::size_t maxsize) {
  throw QueueFull(fmt::format(
      "coeval::multiprocessing::Queue: no room was made in time among its {} values; nothing was "
      "put",
      maxsize));
}

void MessageQueue::throw_empty() {
  throw QueueEmpty("coeval::multiprocessing::Queue: nothing was put in time");
}

std::string MessageQueue::describe(std::size_t size, std::size_t maxsize) {
  return maxsize == 0 ? fmt::format("<Queue {} values>", size)
                      : fmt::format("<Queue {}/{} values>", size, maxsize);
}

}  // namespace coeval::multiprocessing::detail
