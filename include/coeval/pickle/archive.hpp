// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// OutputArchive and InputArchive: what a value is written to and read from.

#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/detail/archive_levels.hpp>
#include <coeval/pickle/detail/archive_room.hpp>
#include <coeval/pickle/detail/codec.hpp>
#include <coeval/pickle/detail/read_once.hpp>
#include <coeval/pickle/detail/seal_rule.hpp>
#include <coeval/pickle/parcel.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::pickle {

// Collects pickled values; one function describes a type for both directions:
//
//   class Page {
//    public:
//     template <coeval::pickle::Archive A>
//     void serialize(A& archive) { archive(url_, body_); }
//   };
//
// For one thread at a time.
class COEVAL_EXPORT OutputArchive : public detail::SealRule {
 public:
  static constexpr bool is_writing = true;

  OutputArchive() = default;
  // One that takes descriptors too.
  static OutputArchive with_descriptors() {
    OutputArchive archive;
    archive.carries_ = true;
    return archive;
  }

  // One that takes descriptors too, and writes into room, which outlives it.
  explicit OutputArchive(ArchiveRoom& room) noexcept : room_(&room), carries_(true) {}
  OutputArchive(OutputArchive&& other) noexcept
      : detail::SealRule(other),
        bytes_(std::move(other.bytes_)),
        room_(other.room_),
        place_(std::exchange(other.place_, {})),
        used_(std::exchange(other.used_, 0)),
        levels_(other.levels_),
        carries_(other.carries_),
        descriptors_(std::move(other.descriptors_)) {}
  OutputArchive& operator=(OutputArchive&&) = delete;

  // Appends the values. Errors: PickleError for one that cannot cross, or is nested too deeply;
  // whatever a serialize() of the program raises.
  template <class... Ts>
  void operator()(const Ts&... values) {
    (write(values), ...);
  }

  // Makes room for so many bytes more.
  void reserve(std::size_t more) {
    if (more > place_.size() - used_) {
      grow(more);
    }
  }

  // Appends raw memory.
  void append(const void* data, std::size_t size) {
    if (size > place_.size() - used_) [[unlikely]] {
      grow(size);
    }
    if (size != 0) {
      std::memcpy(place_.data() + used_, data, size);
      used_ += size;
    }
  }

  // Appends a number, and raw memory behind it.
  void append(std::uint64_t number, const void* data, std::size_t size) {
    if (sizeof number + size > place_.size() - used_) [[unlikely]] {
      grow(sizeof number + size);
    }
    std::memcpy(place_.data() + used_, &number, sizeof number);
    used_ += sizeof number;
    if (size != 0) {
      std::memcpy(place_.data() + used_, data, size);
      used_ += size;
    }
  }

  // Sends a duplicate along. Errors: PickleError if this archive has no place for descriptors, or
  // there is none; std::system_error EMFILE.
  void attach(const FileDescriptor& descriptor);

  std::size_t size() const noexcept { return used_; }
  // What was collected, where it is.
  std::span<const std::byte> written() const noexcept { return place_.first(used_); }
  std::size_t descriptor_count() const noexcept { return descriptors_.size(); }
  // Drops what was written since the size and the descriptor_count were these.
  void rewind(std::size_t size, std::size_t descriptors) noexcept {
    used_ = size;
    descriptors_.erase(descriptors_.begin() + static_cast<std::ptrdiff_t>(descriptors),
                       descriptors_.end());
    levels_ = 0;
  }

  // What was collected, without the bytes if they are in somebody else's room; the archive is empty
  // afterwards.
  Parcel take() {
    bytes_.resize(room_ == nullptr ? used_ : 0);
    place_ = {};
    used_ = 0;
    return {.bytes = std::exchange(bytes_, {}), .descriptors = std::exchange(descriptors_, {})};
  }

  using Level = detail::ArchiveLevel<OutputArchive>;

 private:
  friend Level;

  template <class T>
  void write(const T& value);
  void grow(std::size_t more);

  Bytes bytes_;
  ArchiveRoom* room_ = nullptr;  // null: the bytes above
  std::span<std::byte> place_;   // all there is room for
  std::size_t used_ = 0;
  int levels_ = 0;
  bool carries_ = false;
  std::vector<FileDescriptor> descriptors_;
};

// Reads values in the order in which they were written. The bytes may be hostile: reading them
// wrong raises PickleError, and takes no more memory than they justify.
// For one thread at a time; refers to the bytes and descriptors, which must outlive it.
class COEVAL_EXPORT InputArchive : public detail::SealRule {
 public:
  static constexpr bool is_writing = false;

  explicit InputArchive(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}
  // Takes descriptors out of the vector as they are asked for.
  InputArchive(std::span<const std::byte> bytes, std::vector<FileDescriptor>& descriptors) noexcept
      : rest_(bytes), descriptors_(&descriptors) {}

  // Reads the values in place. Errors: PickleError.
  template <class... Ts>
  void operator()(Ts&... values) {
    (read_into(values), ...);
  }
  template <class T>
  T read();

  // The next size bytes, still in the source. Errors: PickleError if there are fewer.
  std::span<const std::byte> take(std::uint64_t size) {
    if (size > rest_.size()) [[unlikely]] {
      truncated();
    }
    const auto taken = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(static_cast<std::size_t>(size));
    return taken;
  }
  // A number of elements that follow, of which each takes at least so many bytes, 1 or more.
  std::size_t read_count(std::size_t least_size) {
    std::uint64_t count = 0;
    detail::read_once(count, take(sizeof count).data());
    if (count > rest_.size() / least_size) [[unlikely]] {
      too_many(count);
    }
    return static_cast<std::size_t>(count);
  }

  // The next descriptor that was attached. Errors: PickleError if there is none.
  FileDescriptor detach();
  // Goes on with these bytes, and with the next descriptor.
  void go_on_with(std::span<const std::byte> bytes) noexcept {
    rest_ = bytes;
    levels_ = 0;
  }

  std::size_t remaining() const noexcept { return rest_.size(); }
  // Errors: PickleError if something is left.
  void expect_end() const {
    if (!rest_.empty() || descriptors_ != nullptr) [[unlikely]] {
      refuse_rest();
    }
  }

  using Level = detail::ArchiveLevel<InputArchive>;

 private:
  friend Level;

  template <class T>
  void read_into(T& value);
  [[noreturn]] static void truncated();
  [[noreturn]] void too_many(std::uint64_t count) const;
  void refuse_rest() const;

  std::span<const std::byte> rest_;
  std::vector<FileDescriptor>* descriptors_ = nullptr;
  std::size_t next_descriptor_ = 0;
  int levels_ = 0;
};

// Either of the two.
template <class A>
concept Archive = std::same_as<A, OutputArchive> || std::same_as<A, InputArchive>;

// What can be pickled: numbers, enumerations, text, the standard containers and their like,
// aggregates of such, types with serialize(archive) or save() and load(), exceptions, and over a
// connection file descriptors and the library's own handles.
template <class T>
concept Picklable = detail::HasCodec<std::remove_cvref_t<T>>;

template <class T>
void OutputArchive::write(const T& value) {
  detail::require_picklable<T>();
  detail::Codec<T>::write(*this, value);
}

template <class T>
T InputArchive::read() {
  detail::require_readable<T>();
  return detail::Codec<T>::read(*this);
}

template <class T>
void InputArchive::read_into(T& value) {
  detail::require_readable<T>();
  detail::Codec<T>::read_into(*this, value);
}

}  // namespace coeval::pickle

#include <coeval/pickle/detail/codec_basic.hpp>
