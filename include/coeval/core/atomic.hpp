// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The seam to the memory: every atomic and every futex wait of the library is a coeval::atomic, so
// that the schedule checker (tests/model) can put its own in this place and try every order.

#if defined(COEVAL_ATOMIC_HEADER)
#include COEVAL_ATOMIC_HEADER
#else

#include <coeval/core/deadline.hpp>
#include <coeval/core/system.hpp>

#include <atomic>
#include <bit>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <limits>

namespace coeval {

// std::atomic without default memory orders, and with a wait that has a deadline. T is an integer,
// an enumeration or a pointer of 1, 4 or 8 bytes; only those of 4 and 8 bytes can be waited on.
template <class T>
class atomic {
  static_assert(std::atomic<T>::is_always_lock_free,
                "coeval::atomic: the type is too large for an atomic of this machine");

 public:
  constexpr atomic() noexcept : value_(T{}) {}
  constexpr explicit atomic(T value) noexcept : value_(value) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(std::memory_order order) const noexcept { return value_.load(order); }
  void store(T value, std::memory_order order) noexcept { value_.store(value, order); }
  T exchange(T value, std::memory_order order) noexcept { return value_.exchange(value, order); }

  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure) noexcept {
    return value_.compare_exchange_strong(expected, desired, success, failure);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure) noexcept {
    return value_.compare_exchange_weak(expected, desired, success, failure);
  }

  T fetch_add(T by, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return value_.fetch_add(by, order);
  }
  T fetch_sub(T by, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return value_.fetch_sub(by, order);
  }
  T fetch_or(T bits, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return value_.fetch_or(bits, order);
  }
  T fetch_and(T bits, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return value_.fetch_and(bits, order);
  }

  // Sleeps while the value is expected (of 8 bytes the low 4 count), until a notify or the
  // deadline. May return early: the caller looks again. False once the deadline has passed. Orders
  // nothing by itself; the load that follows does.
  bool wait(T expected, Deadline deadline) const noexcept
    requires(sizeof(T) == 4 || sizeof(T) == 8)
  {
    const auto low = static_cast<std::uint32_t>(std::bit_cast<Bits>(expected));
    return sys().futex_wait(futex_word(), low, deadline.nanoseconds()) != ETIMEDOUT;
  }

  // The same for an atomic in memory that several processes share.
  bool wait_shared(T expected, Deadline deadline) const noexcept
    requires(sizeof(T) == 4)
  {
    return sys().shared_futex_wait(futex_word(), static_cast<std::uint32_t>(expected),
                                   deadline.nanoseconds()) != ETIMEDOUT;
  }

  // Wakes one sleeper, or all of them. Touches no memory but the address, so it may be called when
  // a woken thread could already have destroyed the atomic.
  void notify_one() const noexcept { sys().futex_wake(futex_word(), 1); }
  void notify_all() const noexcept {
    sys().futex_wake(futex_word(), std::numeric_limits<int>::max());
  }
  // The sleepers of wait_shared().
  void notify_one_shared() const noexcept { sys().shared_futex_wake(futex_word(), 1); }
  void notify_all_shared() const noexcept {
    sys().shared_futex_wake(futex_word(), std::numeric_limits<int>::max());
  }

  // Stores a value below 2048 and wakes all sleepers of wait_shared(); a SIGKILL comes before both
  // or after both. A sequentially consistent store.
  void store_and_notify_shared(T value) noexcept
    requires(sizeof(T) == 4)
  {
    sys().shared_futex_store(const_cast<std::uint32_t*>(futex_word()),
                             static_cast<std::uint32_t>(value));
  }
  // The same with fetch_or and fetch_add.
  void or_and_notify_shared(T bits) noexcept
    requires(sizeof(T) == 4 && std::integral<T>)
  {
    sys().shared_futex_or(const_cast<std::uint32_t*>(futex_word()),
                          static_cast<std::uint32_t>(bits));
  }
  void add_and_notify_shared(T by) noexcept
    requires(sizeof(T) == 4 && std::integral<T>)
  {
    sys().shared_futex_add(const_cast<std::uint32_t*>(futex_word()),
                           static_cast<std::uint32_t>(by));
  }

 private:
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

  static_assert(std::endian::native == std::endian::little,
                "coeval::atomic: the futex word is the low half, which comes first in memory");
  const std::uint32_t* futex_word() const noexcept {
    return reinterpret_cast<const std::uint32_t*>(&value_);
  }

  std::atomic<T> value_;
};

// Tells the processor that this is a spin loop.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace coeval

#endif  // COEVAL_ATOMIC_HEADER
