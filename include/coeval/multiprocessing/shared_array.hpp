// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// SharedArray: an array that several processes see at once, without a lock.

#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/detail/shared_elements.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <ranges>
#include <span>
#include <string>
#include <typeinfo>
#include <utility>

namespace coeval::multiprocessing {

// A handle of elements in unnamed shared memory; Python's RawArray, and the array over a
// SharedMemory that one makes by hand there.
//
//   void fill(SharedArray<double> squares, std::size_t from, std::size_t to) {
//     for (std::size_t i = from; i < to; ++i) {
//       squares[i] = double(i) * double(i);
//     }
//   }
//   SharedArray<double> squares(1'000'000);                 // zeroes
//   Process process(fill, squares, 0, 500'000);             // no element is copied
//
// Copies, pickled ones too, mean the same elements, which are freed with the last handle of all
// processes. A contiguous range: loops, algorithms and whatever takes a std::span take it too.
//
// A handle is for one thread at a time, the elements are for everyone and without protection: let
// each process write its own part, use an Array or a Lock, or std::atomic_ref. What has happened
// before a process starts, ends, or receives a message is visible after it. Nothing blocks. It
// costs a descriptor and whole pages of memory, which are there from the start: touching them never
// fails, and no process can take them away. An empty array has no memory and costs nothing.
//
// T is trivially copyable and holds no pointer; the compiler sees the latter only of T itself.
template <class T>
class SharedArray {
  static_assert(detail::can_be_shared<T>,
                "coeval::multiprocessing::SharedArray: the bytes of an element must mean the same "
                "in every process; it must be trivially copyable, no pointer and no view, without "
                "const, and aligned to 256 at most");

 public:
  using value_type = T;

  // No elements, as an array that was moved from.
  SharedArray() noexcept = default;

  // So many elements, each T(): zero for numbers. Errors: ValueError if no file can be that large;
  // std::system_error: ENOMEM if it is more than the machine has free, EMFILE.
  explicit SharedArray(std::size_t size) : SharedArray(room_for(size), size) {
    static_assert(std::default_initializable<T>,
                  "coeval::multiprocessing::SharedArray: the elements have no default; give the "
                  "array their values");
    if constexpr (std::default_initializable<T>) {
      detail::make_elements(elements_);
    }
  }

  // A copy of these values. As with std::vector, SharedArray<int>{3} has one element and
  // SharedArray<int>(3) has three. Errors: those above.
  SharedArray(std::initializer_list<T> values)
      : SharedArray(std::span<const T>(values.begin(), values.size())) {}
  template <std::ranges::forward_range Values>
    requires(!std::same_as<std::remove_cvref_t<Values>, SharedArray>)
  explicit SharedArray(Values&& values)
      : SharedArray(static_cast<std::size_t>(std::ranges::distance(values)), nullptr) {
    constexpr bool fits = std::convertible_to<std::ranges::range_reference_t<Values>, T>;
    static_assert(fits,
                  "coeval::multiprocessing::SharedArray: the values of the range cannot be "
                  "converted to the array's elements");
    if constexpr (fits) {
      detail::copy_elements(values, elements_);
    }
  }

  SharedArray(const SharedArray&) = default;
  SharedArray& operator=(const SharedArray&) = default;
  SharedArray(SharedArray&& other) noexcept
      : memory_(std::move(other.memory_)), elements_(std::exchange(other.elements_, {})) {}
  SharedArray& operator=(SharedArray&& other) noexcept {
    memory_ = std::move(other.memory_);
    elements_ = std::exchange(other.elements_, {});
    return *this;
  }
  ~SharedArray() = default;

  // The elements; valid until the last handle of this process is gone. Writable through any handle,
  // as those of a shared pointer.
  std::span<T> span() const noexcept { return elements_; }
  T* data() const noexcept { return elements_.data(); }
  T* begin() const noexcept { return data(); }
  T* end() const noexcept { return data() + size(); }
  std::size_t size() const noexcept { return elements_.size(); }
  bool empty() const noexcept { return elements_.empty(); }

  // Unchecked, as that of std::vector.
  T& operator[](std::size_t index) const noexcept { return elements_[index]; }
  // Errors: ValueError if there is no such element.
  T& at(std::size_t index) const {
    if (index >= size()) {
      detail::throw_no_element("SharedArray", index, size());
    }
    return elements_[index];
  }

  void save(pickle::OutputArchive& archive) const {
    detail::save_elements(archive, detail::element_code<T>(), size());
    if (!empty()) {
      memory_.save(archive);
    }
  }
  // Errors: PickleError if what was sent is no array of such elements, or its memory is not sealed.
  static SharedArray load(pickle::InputArchive& archive) {
    const std::size_t size =
        detail::load_elements(archive, "SharedArray", detail::element_code<T>(), sizeof(T));
    return size == 0 ? SharedArray()
                     : SharedArray(detail::load_memory(archive, size * sizeof(T)), size);
  }

 private:
  static SharedMemory room_for(std::size_t size) {
    return size == 0 ? SharedMemory()
                     : SharedMemory(detail::size_of_elements("SharedArray", size, sizeof(T)));
  }

  SharedArray(SharedMemory memory, std::size_t size) : memory_(std::move(memory)) {
    if (size != 0) {
      elements_ = std::span(reinterpret_cast<T*>(memory_.data()), size);
    }
  }
  // Without elements in the room.
  SharedArray(std::size_t size, std::nullptr_t) : SharedArray(room_for(size), size) {}

  SharedMemory memory_;
  std::span<T> elements_;
};

template <std::ranges::forward_range Values>
SharedArray(Values&&) -> SharedArray<std::ranges::range_value_t<Values>>;

// "<SharedArray<double> 1000 elements>".
template <class T>
std::string to_string(const SharedArray<T>& array) {
  return "<SharedArray<" + type_name(typeid(T)) + "> " + std::to_string(array.size()) +
         " elements>";
}

}  // namespace coeval::multiprocessing
