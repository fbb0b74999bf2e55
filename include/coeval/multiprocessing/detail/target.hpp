// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A callable and its arguments, packed for another process of the same program.

#include <coeval/multiprocessing/detail/code_address.hpp>
#include <coeval/pickle/pickle.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace coeval::multiprocessing::detail {

// What arrives for an argument of type T: text in any form arrives as a std::string, everything
// else as itself.
template <class T>
using Arriving = std::conditional_t<std::convertible_to<const T&, const char*> ||
                                        std::same_as<T, std::string_view>,
                                    std::string, T>;

template <class F>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;

// An object without a state is made anew where it arrives.
template <class F>
inline constexpr bool is_stateless = std::is_empty_v<F> && std::default_initializable<F>;

template <class F>
inline constexpr bool can_cross = is_function_pointer<F> || is_stateless<F> || pickle::Picklable<F>;

template <class F, class... Args>
inline constexpr bool callable_there = std::is_invocable_v<F, Arriving<std::decay_t<Args>>...>;

template <class F>
void write_callable(pickle::OutputArchive& archive, const F& callable) {
  if constexpr (is_function_pointer<F>) {
    write_code(archive, reinterpret_cast<Code>(callable));
  } else if constexpr (!is_stateless<F>) {
    archive(callable);
  }
}

template <class F>
F read_callable(pickle::InputArchive& archive) {
  if constexpr (is_function_pointer<F>) {
    return reinterpret_cast<F>(read_code(archive));
  } else if constexpr (is_stateless<F>) {
    return F{};
  } else {
    return archive.template read<F>();
  }
}

// The entry point of a target in the child. Its own address is what crosses.
template <class F, class... Arguments>
void run_target(pickle::InputArchive& archive) {
  auto callable = read_callable<F>(archive);
  std::tuple<Arguments...> arguments{archive.template read<Arguments>()...};  // in this order
  archive.expect_end();
  std::apply(
      [&callable](Arguments&... each) {
        static_cast<void>(std::invoke(std::move(callable), std::move(each)...));
      },
      arguments);
}

using Entry = void (*)(pickle::InputArchive&);

// Writes one argument; what was passed as an rvalue is gone afterwards, as if it had been moved.
template <class T>
void write_argument(pickle::OutputArchive& archive, T&& argument) {
  if constexpr (std::is_lvalue_reference_v<T> || std::is_const_v<T>) {
    archive(static_cast<const Arriving<std::decay_t<T>>&>(argument));
  } else {
    const Arriving<std::decay_t<T>> given(std::forward<T>(argument));
    archive(given);
  }
}

// Has the bytes of: the entry point, the callable, the arguments.
template <class F, class... Args>
pickle::Parcel pack_target(F&& target, Args&&... arguments) {
  using Callable = std::decay_t<F>;
  static_assert(!std::is_member_pointer_v<Callable>,
                "coeval::multiprocessing::Process: a pointer to a member cannot cross to another "
                "process; use a lambda that takes the object as an argument");
  static_assert(can_cross<Callable>,
                "coeval::multiprocessing::Process: a lambda that captures cannot cross to another "
                "process; pass what it captures as arguments: Process(f, args...)");
  static_assert((pickle::Picklable<Arriving<std::decay_t<Args>>> && ...),
                "coeval::multiprocessing::Process: an argument cannot be pickled; give its type a "
                "serialize(archive) member, or pass something that can cross");
  if constexpr (can_cross<Callable> && (pickle::Picklable<Arriving<std::decay_t<Args>>> && ...)) {
    static_assert(callable_there<Callable, Args...>,
                  "coeval::multiprocessing::Process: the target cannot be called with copies of "
                  "these arguments (text arrives as std::string)");
    if constexpr (callable_there<Callable, Args...>) {
      auto archive = pickle::OutputArchive::with_descriptors();
      const Entry entry = &run_target<Callable, Arriving<std::decay_t<Args>>...>;
      write_code(archive, reinterpret_cast<Code>(entry));
      write_callable<Callable>(archive, target);
      (write_argument<Args>(archive, std::forward<Args>(arguments)), ...);
      return archive.take();
    }
  }
  return {};
}

}  // namespace coeval::multiprocessing::detail
