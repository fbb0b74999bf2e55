// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the call of a task crosses to a worker process: its entry point and its callable as numbers
// of code, its arguments pickled.

#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/task_cell.hpp>
#include <coeval/multiprocessing/detail/target.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ranges>
#include <span>
#include <stop_token>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace coeval::detail {

using multiprocessing::detail::Code;

// A small number for code of this program, always the same one; 0 is none. Errors: PickleError if no
// other process can find it.
COEVAL_EXPORT std::uint32_t number_of_code(Code code);
// In a worker: the code that its parent gave the number. Errors: PickleError if it gave none.
COEVAL_EXPORT Code code_of_number(std::uint32_t number);

// Calls the function of a task, in a worker, and writes what it returns. Raises what it raises.
using CallEntry = void (*)(pickle::InputArchive&, pickle::OutputArchive&, const std::stop_token&);

// ---- the parameters of a function, where they can be told -----------------------------------------

template <class F>
struct ParametersOf {
  using Type = void;
};
template <class R, class... P>
struct ParametersOf<R (*)(P...)> {
  using Type = std::tuple<P...>;
};
template <class R, class... P>
struct ParametersOf<R (*)(P...) noexcept> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...)> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) noexcept> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const noexcept> : ParametersOf<R (*)(P...)> {};

template <class F>
concept HasOneCall = std::is_class_v<F> && requires { &F::operator(); };
template <HasOneCall F>
struct ParametersOf<F> : ParametersOf<decltype(&F::operator())> {};

// The Ith parameter of F, decayed; void if it cannot be told.
template <class F, std::size_t I, class Parameters = typename ParametersOf<F>::Type>
struct ParameterOf {
  using Type = void;
};
template <class F, std::size_t I, class... P>
  requires(I < sizeof...(P))
struct ParameterOf<F, I, std::tuple<P...>> {
  using Type = std::remove_cvref_t<std::tuple_element_t<I, std::tuple<P...>>>;
};

// ---- arguments ------------------------------------------------------------------------------------

// A parameter that is a view of many arrives as a view of what was sent: nothing is copied there.
template <class T>
inline constexpr bool is_constant_span = false;
template <class T>
inline constexpr bool is_constant_span<std::span<const T>> = pickle::detail::is_bitwise<T>();

template <class Parameter, class Argument>
concept ViewedThere = is_constant_span<Parameter> && std::ranges::contiguous_range<Argument> &&
                      std::ranges::sized_range<Argument> &&
                      std::same_as<std::ranges::range_value_t<Argument>,
                                   std::remove_const_t<typename Parameter::element_type>>;
template <class Parameter, class Argument>
concept TextViewedThere =
    std::same_as<Parameter, std::string_view> && std::convertible_to<const Argument&, Parameter>;

template <class Parameter, class Argument>
struct ArrivingAs {
  using Type = multiprocessing::detail::Arriving<Argument>;
};
template <class Parameter, class Argument>
  requires ViewedThere<Parameter, Argument> || TextViewedThere<Parameter, Argument>
struct ArrivingAs<Parameter, Argument> {
  using Type = Parameter;
};

// What arrives for the Ith of the arguments (decayed) of F (decayed).
template <class F, std::size_t I, class Argument, bool takes_stop_token>
using ArrivingFor =
    typename ArrivingAs<typename ParameterOf<F, I + (takes_stop_token ? 1 : 0)>::Type,
                        Argument>::Type;

// Elements that are viewed begin at a multiple of this, from the beginning of all arguments.
inline constexpr std::size_t view_alignment = 64;

template <class T>
inline constexpr bool arrives_as_view = is_constant_span<T> || std::same_as<T, std::string_view>;

template <class Arriving, class T>
void write_call_argument(pickle::OutputArchive& archive, T&& argument) {
  if constexpr (arrives_as_view<Arriving>) {
    const Arriving view(argument);
    archive(static_cast<std::uint64_t>(view.size()));
    constexpr std::array<std::byte, view_alignment> padding{};
    archive.append(padding.data(),
                   (view_alignment - archive.size() % view_alignment) % view_alignment);
    archive.append(view.data(), view.size() * sizeof(*view.data()));
  } else {
    multiprocessing::detail::write_argument<T>(archive, std::forward<T>(argument));
  }
}

template <class Arriving>
Arriving read_call_argument(pickle::InputArchive& archive) {
  if constexpr (arrives_as_view<Arriving>) {
    using Element = std::remove_reference_t<decltype(*std::declval<Arriving>().data())>;
    const std::size_t count = archive.read_count(sizeof(Element));
    const auto address = reinterpret_cast<std::uintptr_t>(archive.take(0).data());
    archive.take((view_alignment - address % view_alignment) % view_alignment);
    const auto bytes = archive.take(count * sizeof(Element));
    return Arriving(reinterpret_cast<const Element*>(bytes.data()), count);
  } else {
    return archive.template read<Arriving>();
  }
}

// ---- callables ------------------------------------------------------------------------------------

template <class F>
inline constexpr bool callable_crosses =
    multiprocessing::detail::can_cross<F> || std::is_member_pointer_v<F>;

// A pointer to a member function in memory, by the C++ ABI of all Unix systems: an address of code,
// or a place in a table of virtual functions; and what is added to the object's address.
struct MemberFunction {
  std::uintptr_t pointer;
  std::ptrdiff_t adjustment;

#if defined(__aarch64__) || defined(__arm__)
  bool is_virtual() const noexcept { return (adjustment & 1) != 0; }
#else
  bool is_virtual() const noexcept { return (pointer & 1) != 0; }
#endif
};

template <class F>
void write_call_function(pickle::OutputArchive& archive, const F& callable) {
  if constexpr (multiprocessing::detail::is_function_pointer<F>) {
    archive(number_of_code(reinterpret_cast<Code>(callable)));
  } else if constexpr (std::is_member_function_pointer_v<F>) {
    auto raw = std::bit_cast<MemberFunction>(callable);
    const bool is_code = raw.pointer != 0 && !raw.is_virtual();
    const std::uint64_t place =
        is_code ? number_of_code(reinterpret_cast<Code>(raw.pointer)) : raw.pointer;
    archive(is_code, place, static_cast<std::int64_t>(raw.adjustment));
  } else if constexpr (std::is_member_object_pointer_v<F>) {
    archive(static_cast<std::int64_t>(std::bit_cast<std::ptrdiff_t>(callable)));
  } else if constexpr (!multiprocessing::detail::is_stateless<F>) {
    archive(callable);
  }
}

template <class F>
F read_call_function(pickle::InputArchive& archive) {
  if constexpr (multiprocessing::detail::is_function_pointer<F>) {
    return reinterpret_cast<F>(code_of_number(archive.read<std::uint32_t>()));
  } else if constexpr (std::is_member_function_pointer_v<F>) {
    const bool is_code = archive.read<bool>();
    const auto place = archive.read<std::uint64_t>();
    const auto adjustment = static_cast<std::ptrdiff_t>(archive.read<std::int64_t>());
    const auto pointer =
        is_code
            ? reinterpret_cast<std::uintptr_t>(code_of_number(static_cast<std::uint32_t>(place)))
            : static_cast<std::uintptr_t>(place);
    return std::bit_cast<F>(MemberFunction{pointer, adjustment});
  } else if constexpr (std::is_member_object_pointer_v<F>) {
    return std::bit_cast<F>(static_cast<std::ptrdiff_t>(archive.read<std::int64_t>()));
  } else if constexpr (multiprocessing::detail::is_stateless<F>) {
    return F{};
  } else {
    return archive.template read<F>();
  }
}

// The code that a callable is, beside the entry point: a worker must know it. 0 for none.
template <class F>
std::uint32_t code_in(const F& callable) {
  if constexpr (multiprocessing::detail::is_function_pointer<F>) {
    return number_of_code(reinterpret_cast<Code>(callable));
  } else if constexpr (std::is_member_function_pointer_v<F>) {
    const auto raw = std::bit_cast<MemberFunction>(callable);
    return raw.pointer != 0 && !raw.is_virtual()
               ? number_of_code(reinterpret_cast<Code>(raw.pointer))
               : 0;
  } else {
    return 0;
  }
}

// ---- the call -------------------------------------------------------------------------------------

// Reads the arguments, calls, and writes what the call returns.
template <bool takes_stop_token, class F, class... Arguments>
void call_with_arguments(F callable, pickle::InputArchive& in, pickle::OutputArchive& out,
                         const std::stop_token& stop) {
  std::tuple<Arguments...> read{read_call_argument<Arguments>(in)...};  // in this order
  in.expect_end();
  // g++ 12 warns of the virtual call that a pointer to a member might be, of an object that has no
  // room for it, if it knows the object.
  std::tuple<Arguments...>* arguments = &read;
  asm volatile("" : "+r"(arguments));
  const auto call = [&](Arguments&... each) -> decltype(auto) {
    if constexpr (takes_stop_token) {
      return std::invoke(std::move(callable), stop, std::move(each)...);
    } else {
      return std::invoke(std::move(callable), std::move(each)...);
    }
  };
  using Result = std::invoke_result_t<decltype(call), Arguments&...>;
  if constexpr (std::is_void_v<Result>) {
    std::apply(call, *arguments);
  } else {
    out(static_cast<const std::decay_t<Result>&>(std::apply(call, *arguments)));
  }
}

template <bool takes_stop_token, class F, class... Arguments>
void enter_call(pickle::InputArchive& in, pickle::OutputArchive& out, const std::stop_token& stop) {
  call_with_arguments<takes_stop_token, F, Arguments...>(read_call_function<F>(in), in, out, stop);
}

}  // namespace coeval::detail
