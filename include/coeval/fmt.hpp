// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// For programs that use fmt (9 or later): what to_string shows can be formatted.
//
//   #include <coeval/fmt.hpp>
//   fmt::print("{} in {}\n", future, pool);
//
// Takes the format specifications of a string, "{:>40}". A SharedArray is a range: fmt/ranges.h
// shows its elements. The only header that needs another library, so coeval.hpp leaves it out.
// Thread-safe as to_string of the object is.

#include <coeval/coeval.hpp>

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

namespace coeval::detail {

template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);

template <class T>
inline constexpr bool is_shared_value = false;
template <class T>
inline constexpr bool is_shared_value<multiprocessing::Value<T>> = true;
template <class T>
inline constexpr bool is_shared_value<multiprocessing::Array<T>> = true;

template <class T>
concept Shown =
    is_shared_value<T> || std::derived_from<T, Handle> ||
    std::derived_from<T, ExecutorInterface<T>> ||
    OneOf<T, ExecutorStats, FileDescriptor, multiprocessing::Barrier,
          multiprocessing::BoundedSemaphore, multiprocessing::Condition,
          multiprocessing::Connection, multiprocessing::Event, multiprocessing::Listener,
          multiprocessing::Lock, multiprocessing::Process, multiprocessing::RLock,
          multiprocessing::Semaphore, multiprocessing::SharedMemory, threading::Barrier,
          threading::BoundedSemaphore, threading::Condition, threading::Event, threading::Lock,
          threading::RLock, threading::Semaphore, threading::Thread, threading::Timer>;

// Outside of namespace fmt, whose own to_string would be found first.
template <Shown T>
std::string shown(const T& object) {
  return to_string(object);
}

}  // namespace coeval::detail

template <coeval::detail::Shown T>
struct fmt::formatter<T, char> : fmt::formatter<std::string_view, char> {
  template <class Context>
  auto format(const T& object, Context& context) const {
    return fmt::formatter<std::string_view, char>::format(coeval::detail::shown(object), context);
  }
};
