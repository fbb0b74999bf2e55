// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/exchange/buffers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/executors/detail/process_payload.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <system_error>
#include <utility>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace coeval::detail {
namespace {

[[noreturn]] void fail(int error, const char* call, std::size_t size) {
  throw std::system_error(
      error, std::generic_category(),
      fmt::format("coeval::ProcessPoolExecutor: memory of {} bytes: {}", size, call));
}

// So that it serves for others: the small ones come in five sizes.
std::size_t rounded_size(std::size_t size) noexcept {
  constexpr std::size_t smallest = std::size_t{64} << 10;
  constexpr std::size_t step = std::size_t{1} << 20;
  return size <= BufferStore::largest_small ? std::max(smallest, std::bit_ceil(size))
                                            : (size + step - 1) / step * step;
}

}  // namespace

Mapping::Mapping(const FileDescriptor& file, std::size_t size, bool writable) : size_(size) {
  int error = 0;
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  address_ = static_cast<std::byte*>(sys().descriptor.map(size, protection, file.get(), &error));
  if (address_ == nullptr) {
    fail(error, "mmap", size);
  }
}

Mapping::Mapping(Mapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (address_ != nullptr) {
    sys().descriptor.unmap(address_, size_);
  }
}

MemoryFile::MemoryFile(std::size_t size, bool one_way) {
  const int fd = sys().descriptor.memory_file("coeval-pool");
  if (fd < 0) {
    fail(-fd, "memfd_create", size);
  }
  file.reset(fd);
  if (const int error = sys().descriptor.allocate(fd, 0, static_cast<off_t>(size))) {
    fail(error, "fallocate", size);
  }
  mapping = Mapping(file, size, true);
  // The mapping above stays writable; a later one cannot be.
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | (one_way ? F_SEAL_FUTURE_WRITE : 0) | F_SEAL_SEAL;
  if (const int error = sys().descriptor.seal(fd, seals)) {
    fail(error, "sealing", size);
  }
}

Mapping map_received(const FileDescriptor& file, std::size_t most) {
  constexpr int sealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE;
  const int seals = sys().descriptor.seals(file.get());
  const ssize_t size = sys().descriptor.size(file.get());
  if (size == -ENOMEM) {
    fail(ENOMEM, "fstat", 0);
  }
  if (seals < 0 || (seals & sealed) != sealed || size <= 0 ||
      static_cast<std::size_t>(size) > most) {
    throw PickleError("coeval::ProcessPoolExecutor: the file that came is no memory of a pool");
  }
  return Mapping(file, static_cast<std::size_t>(size), false);
}

BufferStore::BufferStore(const Kept& most) : most_(most) {
  small_.reserve(most_.small + 1);
  large_.reserve(most_.large + 1);
}

std::unique_ptr<SharedBuffer> BufferStore::take_out(Free& free, Free::iterator one) noexcept {
  std::unique_ptr<SharedBuffer> buffer = std::move(*one);
  free.erase(one);
  if (&free == &small_) {
    small_bytes_ -= buffer->bytes().size();
  }
  return buffer;
}

// The one that came back last of those that fit: it is the likeliest to lie in a cache.
std::shared_ptr<SharedBuffer> BufferStore::take(std::size_t size) {
  std::unique_ptr<SharedBuffer> buffer;
  std::uint32_t number = 0;
  {
    const threading::Guard guard(lock_);
    Free& free = free_of(size);
    const auto fits = [size](const auto& one) { return one->bytes().size() >= size; };
    const auto found = std::find_if(free.rbegin(), free.rend(), fits);
    if (found != free.rend()) {
      buffer = take_out(free, std::next(found).base());
    } else {
      numbers_.reserve(numbers_.size() + 1);
      number = next_number_++;
    }
  }
  if (buffer == nullptr) {
    buffer = std::make_unique<SharedBuffer>(number, rounded_size(size));
    const threading::Guard guard(lock_);
    numbers_.push_back(number);
  }
  const auto back = [store = shared_from_this()](SharedBuffer* one) {
    store->give_back(std::unique_ptr<SharedBuffer>(one));
  };
  return {buffer.release(), back};
}

// Of the small ones those are kept that were used last, of the large ones the largest: they are the
// dearest.
std::unique_ptr<SharedBuffer> BufferStore::take_surplus() noexcept {
  std::unique_ptr<SharedBuffer> buffer;
  if (small_.size() > most_.small || small_bytes_ > most_.small_bytes) {
    buffer = take_out(small_, small_.begin());
  } else if (large_.size() > most_.large) {
    const auto size_of = [](const auto& one) { return one->bytes().size(); };
    buffer = take_out(large_, std::ranges::min_element(large_, {}, size_of));
  }
  if (buffer != nullptr) {
    std::erase(numbers_, buffer->number());
  }
  return buffer;
}

void BufferStore::give_back(std::unique_ptr<SharedBuffer> buffer) noexcept {
  const std::size_t size = buffer->bytes().size();
  std::unique_ptr<SharedBuffer> surplus;  // its end takes time: without the lock
  do {
    const threading::Guard guard(lock_);
    if (buffer != nullptr) {
      free_of(size).push_back(std::move(buffer));  // has the room
      small_bytes_ += size <= largest_small ? size : 0;
    }
    surplus = take_surplus();
  } while (surplus != nullptr);
}

bool BufferStore::has(std::uint32_t number) const noexcept {
  const threading::Guard guard(lock_);
  return std::ranges::find(numbers_, number) != numbers_.end();
}

// A worker may have a buffer for each of its positions, and some that are free, or gone and not told of.
void ReceivedBuffers::add(std::uint32_t number, const FileDescriptor& file) {
  constexpr std::size_t most_buffers = 1024;
  forget(number);
  if (all_.size() >= most_buffers) {
    throw PickleError("coeval::ProcessPoolExecutor: more buffers came than a pool has");
  }
  all_.push_back({.number = number, .mapping = map_received(file, most_)});
}

bool ReceivedBuffers::has(std::uint32_t number) const noexcept {
  return std::ranges::find(all_, number, &One::number) != all_.end();
}

void ReceivedBuffers::forget(std::uint32_t number) noexcept {
  std::erase_if(all_, [number](const One& one) { return one.number == number; });
}

std::span<const std::byte> ReceivedBuffers::bytes(std::uint32_t number, std::uint64_t size) const {
  const auto found = std::ranges::find(all_, number, &One::number);
  if (found == all_.end() || found->mapping.size() < size) {
    throw PickleError(fmt::format(
        "coeval::ProcessPoolExecutor: there is no buffer of number {} and {} bytes", number, size));
  }
  return {found->mapping.data(), static_cast<std::size_t>(size)};
}

pickle::Bytes grown_bytes(std::span<const std::byte> written, std::size_t size) {
  pickle::Bytes larger(std::max(size, 2 * written.size()));
  if (!written.empty()) {
    std::memcpy(larger.data(), written.data(), written.size());
  }
  return larger;
}

// ---- Payload --------------------------------------------------------------------------------------

Payload::Payload(std::shared_ptr<BufferStore> store) noexcept : store_(std::move(store)) {}

Payload::~Payload() = default;

std::span<std::byte> Payload::grow(std::span<const std::byte> written, std::size_t size) {
  if (size <= own_size) {
    return own_;
  }
  if (size <= most_copied) {
    heap_ = grown_bytes(written, size);
    return heap_;
  }
  std::shared_ptr<SharedBuffer> larger =
      store_->take(written.size() > most_copied ? std::max(size, 2 * written.size()) : size);
  if (!written.empty()) {
    std::memcpy(larger->bytes().data(), written.data(), written.size());
  }
  buffer_ = std::move(larger);
  heap_ = {};
  return buffer_->bytes();
}

void Payload::finish(pickle::OutputArchive& archive) {
  bytes_ = archive.written();
  descriptors_ = archive.take().descriptors;
}

void Payload::share(const Payload& other) {
  buffer_ = other.buffer_;
  if (buffer_ == nullptr) {
    heap_.assign(other.bytes_.begin(), other.bytes_.end());
  }
  bytes_ = buffer_ != nullptr ? other.bytes_ : std::span<const std::byte>(heap_);
  for (const FileDescriptor& descriptor : other.descriptors_) {
    descriptors_.push_back(descriptor.duplicate());
  }
}

void Payload::clear() noexcept {
  bytes_ = {};
  heap_ = {};
  buffer_.reset();
  descriptors_.clear();
}

}  // namespace coeval::detail
