// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The schedule checker's own coeval::atomic, in place of the one in coeval/core/atomic.hpp when the
// library is built with COEVAL_ATOMIC_HEADER="model/atomic.hpp".

#include "model/operations.hpp"

#include <coeval/core/deadline.hpp>

#include <atomic>
#include <bit>
#include <concepts>
#include <cstdint>
#include <source_location>
#include <type_traits>

namespace coeval {

// Same interface, size and meaning as the one that it replaces. Inside model::explore each
// operation is a scheduling point and obeys the memory model; elsewhere it acts on a plain
// variable, which is right for one thread only. The last parameter of each function is the caller's
// place, for traces.
template <class T>
class atomic {
  static_assert(std::atomic<T>::is_always_lock_free,
                "coeval::atomic: the type is too large for an atomic of this machine");
  using Where = std::source_location;

 public:
  constexpr atomic() noexcept : atomic(T{}) {}
  constexpr explicit atomic(T value) noexcept : value_(value) {
    if (!std::is_constant_evaluated()) {
      model::construct(&value_, to_bits(value));
    }
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(std::memory_order order, const Where& where = Where::current()) const noexcept {
    if (!model::exploring()) {
      return value_;
    }
    const model::Access access{&value_, order, where};
    model::before(access);
    return from_bits(model::load(access, to_bits(value_)));
  }

  void store(T value, std::memory_order order, const Where& where = Where::current()) noexcept {
    if (model::exploring()) {
      const model::Access access{&value_, order, where};
      model::before(access);
      model::store(access, to_bits(value_), to_bits(value));
    }
    value_ = value;
  }

  T exchange(T value, std::memory_order order, const Where& where = Where::current()) noexcept {
    return modify("exchange", [value](T) { return value; }, order, where);
  }

  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure,
                               const Where& where = Where::current()) noexcept {
    return compare_exchange(false, expected, desired, success, failure, where);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure,
                             const Where& where = Where::current()) noexcept {
    return compare_exchange(true, expected, desired, success, failure, where);
  }

  T fetch_add(T by, std::memory_order order, const Where& where = Where::current()) noexcept
    requires std::integral<T>
  {
    return modify(
        "fetch_add", [by](T old) { return from_bits(to_bits(old) + to_bits(by)); }, order, where);
  }
  T fetch_sub(T by, std::memory_order order, const Where& where = Where::current()) noexcept
    requires std::integral<T>
  {
    return modify(
        "fetch_sub", [by](T old) { return from_bits(to_bits(old) - to_bits(by)); }, order, where);
  }
  T fetch_or(T by, std::memory_order order, const Where& where = Where::current()) noexcept
    requires std::integral<T>
  {
    return modify("fetch_or", [by](T old) { return static_cast<T>(old | by); }, order, where);
  }
  T fetch_and(T by, std::memory_order order, const Where& where = Where::current()) noexcept
    requires std::integral<T>
  {
    return modify("fetch_and", [by](T old) { return static_cast<T>(old & by); }, order, where);
  }

  bool wait(T expected, Deadline deadline, const Where& where = Where::current()) const noexcept
    requires(sizeof(T) == 4 || sizeof(T) == 8)
  {
    if (!model::exploring()) {
      return static_cast<std::uint32_t>(to_bits(value_)) !=
             static_cast<std::uint32_t>(to_bits(expected));  // else nobody could ever wake it
    }
    const model::Access access{&value_, std::memory_order_relaxed, where};
    model::before(access);
    return model::wait(access, to_bits(value_), to_bits(expected), deadline.nanoseconds());
  }

  void notify_one(const Where& where = Where::current()) const noexcept { notify(false, where); }
  void notify_all(const Where& where = Where::current()) const noexcept { notify(true, where); }

  // The checker's threads share everything, so these are the same to it.
  bool wait_shared(T expected, Deadline deadline,
                   const Where& where = Where::current()) const noexcept
    requires(sizeof(T) == 4)
  {
    return wait(expected, deadline, where);
  }
  void notify_one_shared(const Where& where = Where::current()) const noexcept {
    notify(false, where);
  }
  void notify_all_shared(const Where& where = Where::current()) const noexcept {
    notify(true, where);
  }
  void store_and_notify_shared(T value, const Where& where = Where::current()) noexcept
    requires(sizeof(T) == 4)
  {
    store(value, std::memory_order_seq_cst, where);
    notify(true, where);
  }
  void or_and_notify_shared(T bits, const Where& where = Where::current()) noexcept
    requires(sizeof(T) == 4)
  {
    fetch_or(bits, std::memory_order_seq_cst, where);
    notify(true, where);
  }
  void add_and_notify_shared(T by, const Where& where = Where::current()) noexcept
    requires(sizeof(T) == 4)
  {
    fetch_add(by, std::memory_order_seq_cst, where);
    notify(true, where);
  }

 private:
  using Wide = std::uint64_t;
  using Bits = std::conditional_t<
      sizeof(T) == 8, std::uint64_t,
      std::conditional_t<sizeof(T) == 4, std::uint32_t,
                         std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;

  static Wide to_bits(T value) noexcept { return std::bit_cast<Bits>(value); }
  static T from_bits(Wide bits) noexcept { return std::bit_cast<T>(static_cast<Bits>(bits)); }

  template <class Next>
  T modify(const char* name, Next next, std::memory_order order, const Where& where) noexcept {
    if (!model::exploring()) {
      const T old = value_;
      value_ = next(old);
      return old;
    }
    const model::Access access{&value_, order, where};
    model::before(access);
    const T old = value_;
    value_ = next(old);
    model::modify(access, name, to_bits(old), to_bits(value_));
    return old;
  }

  bool compare_exchange(bool weak, T& expected, T desired, std::memory_order success,
                        std::memory_order failure, const Where& where) noexcept {
    model::Compared compared{to_bits(value_) == to_bits(expected), to_bits(value_)};
    if (model::exploring()) {
      const model::Access access{&value_, success, where};
      model::before(access);
      compared = model::compare_exchange(access, failure, weak, to_bits(value_), to_bits(expected),
                                         to_bits(desired));
    }
    if (compared.equal) {
      value_ = desired;
    } else {
      expected = from_bits(compared.value);
    }
    return compared.equal;
  }

  void notify(bool all, const Where& where) const noexcept {
    if (model::exploring()) {
      const model::Access access{&value_, std::memory_order_relaxed, where};
      model::before(access);
      model::notify(access, all);
    }
  }

  T value_;
};

inline void spin_pause(
    const std::source_location& where = std::source_location::current()) noexcept {
  model::pause(where);
}

}  // namespace coeval
