// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Array: a fixed number of values that several processes see, with a lock.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/detail/shared_elements.hpp>
#include <coeval/multiprocessing/detail/shared_locked_memory.hpp>
#include <coeval/multiprocessing/rlock.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {

// Elements in shared memory, with one RLock that each access takes; Python's multiprocessing.Array.
//
//   void note(Array<int> histogram, std::vector<int> ages) {
//     for (const int age : ages) {
//       histogram.update([age](std::span<int> counts) { ++counts[age / 10]; });
//     }
//   }
//   Array<int> histogram(12);                     // zeroes
//   Process process(note, histogram, ages);       // a copy for the other process
//
// A handle with the rules of Value: thread-safe, each access waits for the lock until its deadline,
// and a death in the middle of one is OwnerDied for the next access, once. It costs one descriptor
// and whole pages of memory. There is one lock for all elements, and taking it costs more than most
// elements: work on many in one update(). It is no range, since walking through it without the lock
// would show elements that are half changed; values() copies them all. Python's RawArray, which has
// no lock, is SharedArray.
//
// T is trivially copyable and holds no pointer; the compiler sees the latter only of T itself.
template <class T>
class Array {
  static_assert(detail::can_be_shared<T>,
                "coeval::multiprocessing::Array: the bytes of an element must mean the same in "
                "every process; it must be trivially copyable, no pointer and no view, without "
                "const, and aligned to 256 at most");

 public:
  using value_type = T;

  Array() : Array(0) {}
  // So many elements, 0 too, each T(): zero for numbers. Errors: ValueError if no file can be that
  // large; std::system_error: ENOMEM if it is more than the machine has free, EMFILE.
  explicit Array(std::size_t size) : Array(size, nullptr) {
    static_assert(std::default_initializable<T>,
                  "coeval::multiprocessing::Array: the elements have no default; give the array "
                  "their values");
    if constexpr (std::default_initializable<T>) {
      detail::make_elements(get_obj());
    }
  }

  // A copy of these values. As with std::vector, Array<int>{3} has one element and Array<int>(3)
  // has three. Errors: those above.
  Array(std::initializer_list<T> values)
      : Array(std::span<const T>(values.begin(), values.size())) {}
  template <std::ranges::forward_range Values>
  explicit Array(Values&& values)
      : Array(static_cast<std::size_t>(std::ranges::distance(values)), nullptr) {
    constexpr bool fits = std::convertible_to<std::ranges::range_reference_t<Values>, T>;
    static_assert(fits,
                  "coeval::multiprocessing::Array: the values of the range cannot be converted to "
                  "the array's elements");
    if constexpr (fits) {
      detail::copy_elements(values, get_obj());
    }
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  // Errors of all four: TimeoutError if the lock was not free until the deadline, and then nothing
  // has happened; OwnerDied. get() and set(): ValueError if there is no such element.
  T get(std::size_t index, Deadline deadline = never) const {
    require_element(index);
    const detail::Hold hold(get_lock(), deadline, "Array");
    return get_obj()[index];
  }
  void set(std::size_t index, const T& value, Deadline deadline = never) const {
    require_element(index);
    const detail::Hold hold(get_lock(), deadline, "Array");
    get_obj()[index] = value;
  }
  // All elements, of one moment.
  std::vector<T> values(Deadline deadline = never) const {
    std::vector<T> copy;
    copy.reserve(size());
    const detail::Hold hold(get_lock(), deadline, "Array");
    copy.assign(get_obj().begin(), get_obj().end());
    return copy;
  }
  // Calls f(std::span<T>) with the lock held, which may change the elements in place, and returns
  // what it returns. An exception leaves them as f has left them.
  template <class F>
  auto update(F&& f, Deadline deadline = never) const {
    static_assert(std::invocable<F, std::span<T>>,
                  "coeval::multiprocessing::Array::update: the function cannot be called with the "
                  "elements: update([](std::span<T> elements) { … })");
    if constexpr (std::invocable<F, std::span<T>>) {
      const detail::Hold hold(get_lock(), deadline, "Array");
      return std::decay_t<std::invoke_result_t<F, std::span<T>>>(
          std::invoke(std::forward<F>(f), get_obj()));
    }
  }

  // The lock, valid as long as this handle. It may be taken several times.
  const RLock& get_lock() const noexcept { return memory_.lock(); }
  // The elements themselves, for one who holds the lock; valid until the last handle of this
  // process is gone.
  std::span<T> get_obj() const { return {reinterpret_cast<T*>(memory_.data()), size_}; }

  void save(pickle::OutputArchive& archive) const {
    detail::save_elements(archive, detail::element_code<T>(), size_);
    memory_.save(archive);
  }
  // Errors: PickleError if what was sent is no array of such elements.
  static Array load(pickle::InputArchive& archive) {
    const std::size_t size =
        detail::load_elements(archive, "Array", detail::element_code<T>(), sizeof(T));
    return Array(detail::LockedMemory::load(archive, size * sizeof(T)), size);
  }

 private:
  Array(detail::LockedMemory memory, std::size_t size) noexcept
      : memory_(std::move(memory)), size_(size) {}
  // Without elements in the room.
  Array(std::size_t size, std::nullptr_t)
      : Array(detail::LockedMemory(detail::size_of_elements("Array", size, sizeof(T))), size) {}

  void require_element(std::size_t index) const {
    if (index >= size_) {
      detail::throw_no_element("Array", index, size_);
    }
  }

  detail::LockedMemory memory_;
  std::size_t size_;
};

template <std::ranges::forward_range Values>
Array(Values&&) -> Array<std::ranges::range_value_t<Values>>;

// "<Array<int> 12 elements unlocked>".
template <class T>
std::string to_string(const Array<T>& array) {
  return detail::describe_locked(
      "Array", typeid(T), " " + std::to_string(array.size()) + " elements", array.get_lock());
}

}  // namespace coeval::multiprocessing
