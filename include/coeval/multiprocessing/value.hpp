// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Value: one value that several processes see, with a lock.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/detail/shared_elements.hpp>
#include <coeval/multiprocessing/detail/shared_locked_memory.hpp>
#include <coeval/multiprocessing/rlock.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace coeval::multiprocessing {

// A value in shared memory, with an RLock that each access takes; Python's multiprocessing.Value.
//
//   void count(Value<int> hits) {
//     hits.update([](int& n) { ++n; });           // read, change and write as one
//   }
//   Value<int> hits;
//   Process process(count, hits);                 // a copy for the other process
//   …
//   hits.get();
//
//   Guard guard(hits.get_lock());                 // several accesses as one
//   if (hits.get() < 10) { hits.set(10); }
//
// A handle: copies, pickled ones too, mean the same value, and a forked child's mean its parent's.
// Thread-safe. Each access waits for the lock, until its deadline. It costs one descriptor and a
// page; for many values use a structure, or an Array. Python's RawValue, which has no lock, is a
// SharedArray of one element.
//
// When a process dies in the middle of an access, the next access of anybody raises OwnerDied,
// once: the value may be half changed, and the lock is free. Set the value anew, or mend it before:
// get_lock().acquire_or_repair().
//
// T is trivially copyable and holds no pointer; the compiler sees the latter only of T itself.
template <class T>
class Value {
  static_assert(detail::can_be_shared<T>,
                "coeval::multiprocessing::Value: the bytes of the value must mean the same in "
                "every process; its type must be trivially copyable, no pointer and no view, "
                "without const, and aligned to 256 at most");

 public:
  // T(): zero for a number. Errors of both: std::system_error if there is no memory or no
  // descriptor.
  Value()
    requires std::default_initializable<T>
      : Value(T()) {}
  explicit Value(const T& value) : memory_(sizeof(T)) {
    std::construct_at(reinterpret_cast<T*>(memory_.data()), value);
  }

  // Errors of all three: TimeoutError if the lock was not free until the deadline, and then nothing
  // has happened; OwnerDied.
  T get(Deadline deadline = never) const {
    const detail::Hold hold(get_lock(), deadline, "Value");
    return get_obj();
  }
  void set(const T& value, Deadline deadline = never) const {
    const detail::Hold hold(get_lock(), deadline, "Value");
    get_obj() = value;
  }
  // Calls f(T&) with the lock held, which may change the value in place, and returns what it
  // returns. An exception leaves the value as f has left it.
  template <class F>
  auto update(F&& f, Deadline deadline = never) const {
    static_assert(std::invocable<F, T&>,
                  "coeval::multiprocessing::Value::update: the function cannot be called with a "
                  "reference to the value: update([](T& value) { … })");
    if constexpr (std::invocable<F, T&>) {
      const detail::Hold hold(get_lock(), deadline, "Value");
      return std::decay_t<std::invoke_result_t<F, T&>>(std::invoke(std::forward<F>(f), get_obj()));
    }
  }

  // The lock, valid as long as this handle. It may be taken several times.
  const RLock& get_lock() const noexcept { return memory_.lock(); }
  // The value itself, for one who holds the lock; valid until the last handle of this process is
  // gone.
  T& get_obj() const { return *reinterpret_cast<T*>(memory_.data()); }

  void save(pickle::OutputArchive& archive) const {
    detail::save_elements(archive, detail::element_code<T>(), 1);
    memory_.save(archive);
  }
  // Errors: PickleError if what was sent is no value of such a type.
  static Value load(pickle::InputArchive& archive) {
    const std::size_t size =
        detail::load_elements(archive, "Value", detail::element_code<T>(), sizeof(T));
    if (size != 1) {
      throw PickleError("coeval::multiprocessing::Value: what came is no Value; it has " +
                        std::to_string(size) + " elements");
    }
    return Value(detail::LockedMemory::load(archive, sizeof(T)));
  }

 private:
  explicit Value(detail::LockedMemory memory) noexcept : memory_(std::move(memory)) {}

  detail::LockedMemory memory_;
};

// "<Value<int> unlocked>" or "<Value<int> locked>".
template <class T>
std::string to_string(const Value<T>& value) {
  return detail::describe_locked("Value", typeid(T), "", value.get_lock());
}

}  // namespace coeval::multiprocessing
