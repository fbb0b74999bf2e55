// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/archive.hpp>

#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace coeval::pickle {

// A resize() would copy what is not used yet, and byte by byte.
void OutputArchive::grow(std::size_t more) {
  constexpr std::size_t first_size = 256;
  if (room_ != nullptr) {
    place_ = room_->grow(written(), used_ + more);
    return;
  }
  Bytes larger(std::max({first_size, used_ + more, 2 * place_.size()}));
  detail::about_to_fill(larger.data(), larger.size());
  if (used_ != 0) {
    std::memcpy(larger.data(), place_.data(), used_);
  }
  bytes_.swap(larger);
  place_ = bytes_;
}

void OutputArchive::attach(const FileDescriptor& descriptor) {
  if (!carries_) {
    throw PickleError(
        "coeval::pickle: a file descriptor, and so a handle like SharedMemory, Lock or Queue, "
        "crosses over a Connection or as an argument of a Process only; a Queue and dumps() carry "
        "bytes: send it ahead, and then what is to be said about it");
  }
  if (!descriptor) {
    throw PickleError("coeval::pickle: a closed file descriptor cannot cross");
  }
  descriptors_.push_back(descriptor.duplicate());
}

// Memory of this size is a mapping of its own for the C library (mallopt(3), M_MMAP_THRESHOLD), which
// ends, and the advice with it, when it is freed.
void detail::about_to_fill(void* memory, std::size_t size) noexcept {
  constexpr std::size_t own_mapping = std::size_t{32} << 20;
  constexpr std::uintptr_t page = 4096;
  if (size > own_mapping) {
    const auto first = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) & ~(page - 1);
    const auto end = (reinterpret_cast<std::uintptr_t>(memory) + size) & ~(page - 1);
    sys().descriptor.advise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
  }
}

void detail::too_deep() {
  throw PickleError(
      fmt::format("coeval::pickle: a value is nested in more than {} others", most_levels));
}

void InputArchive::truncated() {
  throw PickleError("coeval::pickle: the bytes end before the value does");
}

void InputArchive::too_many(std::uint64_t count) const {
  throw PickleError(fmt::format("coeval::pickle: {} elements are announced, and {} bytes follow",
                                count, rest_.size()));
}

FileDescriptor InputArchive::detach() {
  if (descriptors_ == nullptr || next_descriptor_ == descriptors_->size()) {
    throw PickleError("coeval::pickle: the file descriptor is missing that belongs here");
  }
  return std::move((*descriptors_)[next_descriptor_++]);
}

void InputArchive::refuse_rest() const {
  if (!rest_.empty()) {
    throw PickleError(
        fmt::format("coeval::pickle: {} bytes are left after the value", rest_.size()));
  }
  if (descriptors_ != nullptr && next_descriptor_ != descriptors_->size()) {
    throw PickleError("coeval::pickle: more file descriptors came than belong to the value");
  }
}

void detail::bad_value(const char* what) {
  throw PickleError(fmt::format("coeval::pickle: {}", what));
}

}  // namespace coeval::pickle
