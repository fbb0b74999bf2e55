// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/exceptions.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/core/throw_stack.hpp>
#include <coeval/pickle/pickle.hpp>

#include "core/remote_frames.hpp"
#include "pickle/standard_exceptions.hpp"

#include <cxxabi.h>

#include <any>
#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>
#include <version>

#if defined(__cpp_lib_format)
#include <format>
#endif

namespace coeval::pickle::detail {
namespace {

// How an exception is written: its kind, then what that kind needs, then what is nested in it.
enum class Kind : std::uint8_t {
  none,
  of_known_type,  // its place in the table below, its text
  coded,          // a CodedError
  group,          // text, exceptions
  exit,           // code
  remote,         // type, text, stack
  worker_died,    // text, exit code, process, stack
  traceback,      // RemoteFrames; nothing is nested in it
};

// A type that comes back as itself.
struct KnownType {
  const std::type_info* type;
  bool (*is)(const std::exception& error);  // of the type, or of one derived from it
  std::exception_ptr (*make)(const std::string& text, const std::exception_ptr& nested);
};

template <class T>
bool is_a([[maybe_unused]] const std::exception& error) {
  if constexpr (std::is_same_v<T, std::exception>) {
    return true;
  } else {
    return dynamic_cast<const T*>(&error) != nullptr;
  }
}

// Has the constructor that takes a text.
template <class T>
constexpr KnownType with_text() {
  return {&typeid(T), is_a<T>, [](const std::string& text, const std::exception_ptr& nested) {
            return with_nested(T(text), nested);
          }};
}
// Its text says nothing but its name.
template <class T>
constexpr KnownType plain() {
  return {&typeid(T), is_a<T>, [](const std::string&, const std::exception_ptr& nested) {
            return with_nested(T(), nested);
          }};
}

// Their order is part of the format, and bases come before what is derived from them, but for
// std::exception.
const std::array known_types{
    with_text<std::logic_error>(),
    with_text<std::domain_error>(),
    with_text<std::invalid_argument>(),
    with_text<std::length_error>(),
    with_text<std::out_of_range>(),
    with_text<std::runtime_error>(),
    with_text<std::range_error>(),
    with_text<std::overflow_error>(),
    with_text<std::underflow_error>(),
    plain<std::exception>(),
    plain<std::bad_exception>(),
    plain<std::bad_alloc>(),
    plain<std::bad_array_new_length>(),
    plain<std::bad_cast>(),
    plain<std::bad_typeid>(),
    plain<std::bad_function_call>(),
    plain<std::bad_optional_access>(),
    plain<std::bad_variant_access>(),
    plain<std::bad_any_cast>(),
    plain<std::bad_weak_ptr>(),
    with_text<Error>(),
    with_text<RuntimeError>(),
    with_text<ValueError>(),
    with_text<InvalidStateError>(),
    with_text<CancelledError>(),
    with_text<TimeoutError>(),
    with_text<QueueFull>(),
    with_text<QueueEmpty>(),
    with_text<BrokenPromise>(),
    with_text<BrokenBarrierError>(),
    with_text<BrokenExecutor>(),
    with_text<BrokenThreadPool>(),
    with_text<PickleError>(),
    with_text<OwnerDied>(),
    with_text<EOFError>(),
    with_text<BrokenProcessPool>(),
#if defined(__cpp_lib_format)
    with_text<std::format_error>(),
#endif
};

std::exception_ptr nested_in(const std::exception& error) {
  const auto* nested = dynamic_cast<const std::nested_exception*>(&error);
  return nested != nullptr ? nested->nested_ptr() : nullptr;
}

// The place in the table of the type, or of the one that std::throw_with_nested wrapped.
std::optional<std::uint16_t> place_of(const std::exception& error) {
  const std::string name = name_of(error);
  for (std::size_t i = 0; i < known_types.size(); ++i) {
    if (typeid(error) == *known_types[i].type || name == type_name(*known_types[i].type)) {
      return static_cast<std::uint16_t>(i);
    }
  }
  return std::nullopt;
}

// That of the nearest base of an exception of the standard library that is not in the table, as one
// of a later standard. One that has none but std::exception would lose its text.
std::optional<std::uint16_t> place_of_base(const std::exception& error) {
  std::optional<std::uint16_t> place;
  if (name_of(error).starts_with("std::")) {
    for (std::size_t i = 0; i < known_types.size(); ++i) {
      if (*known_types[i].type != typeid(std::exception) && known_types[i].is(error)) {
        place = static_cast<std::uint16_t>(i);
      }
    }
  }
  return place;
}

void write_one(OutputArchive& archive, const std::exception_ptr& value, const ThrowStack* stack);

void write_traceback(OutputArchive& archive, const coeval::detail::RemoteFrames& frames) {
  archive(Kind::traceback, frames.modules, frames.frames);
}

// Nothing if there is no memory for it, which may be just what was raised.
coeval::detail::RemoteFrames frames_of(const ThrowStack* stack) noexcept {
  try {
    return coeval::detail::RemoteFrames::of(stack != nullptr ? stack->addresses()
                                                             : std::span<const std::uintptr_t>());
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::exception_ptr read_traceback(InputArchive& archive) {
  using coeval::detail::RemoteFrames;
  const auto frames = std::make_shared<RemoteFrames>();
  archive(frames->modules, frames->frames);
  if (frames->frames.size() > RemoteFrames::most_frames) {
    bad_value("a stack of too many frames");
  }
  return std::make_exception_ptr(RemoteTraceback(frames));
}

// For an exception that carries its stack as text, which takes long to make.
std::string lines_of(const ThrowStack* stack) {
  return stack != nullptr ? stack->text() : std::string();
}

void write_remote(OutputArchive& archive, const std::string& type, const std::string& message,
                  const std::string& stack) {
  archive(Kind::remote, type, message, stack);
}

// What is nested in it takes the stack along, unless it is in the exception itself.
void write_standard(OutputArchive& archive, const std::exception& error, const ThrowStack* stack) {
  if (is_exactly<RemoteTraceback>(error)) {
    write_traceback(archive, dynamic_cast<const RemoteTraceback&>(error).frames());
    return;
  }
  if (is_exactly<ExceptionGroup>(error)) {
    const auto& group = dynamic_cast<const ExceptionGroup&>(error);
    // Its text is made of the message and the exceptions: the message comes first.
    std::string message = text_of(error).substr(0, text_of(error).find('\n'));
    message = message.substr(0, message.rfind(" ("));
    archive(Kind::group, message, group.exceptions());
  } else if (is_exactly<SystemExit>(error)) {
    archive(Kind::exit, dynamic_cast<const SystemExit&>(error).code());
  } else if (is_exactly<RemoteError>(error)) {
    const auto& remote = dynamic_cast<const RemoteError&>(error);
    write_remote(archive, remote.type(), remote.message(),
                 remote.stack().empty() ? lines_of(stack) : remote.stack());
    stack = nullptr;
  } else if (is_exactly<WorkerDied>(error)) {
    const auto& died = dynamic_cast<const WorkerDied&>(error);
    std::string message = text_of(error);
    // Of the text the stack is the end, if no null character has cut it short.
    if (const std::string end = "\n" + died.stack();
        !died.stack().empty() && message.ends_with(end)) {
      message.resize(message.size() - end.size());
    }
    archive(Kind::worker_died, message, died.exitcode(), static_cast<std::int64_t>(died.pid()),
            died.stack());
    stack = died.stack().empty() ? stack : nullptr;
  } else if (const auto coded = CodedError::of(error)) {
    archive(Kind::coded, *coded);
  } else if (const auto place = place_of(error)) {
    archive(Kind::of_known_type, *place, text_of(error));
  } else if (const auto base = place_of_base(error)) {
    archive(Kind::of_known_type, *base, text_of(error));
  } else {
    write_remote(archive, name_of(error), text_of(error), lines_of(stack));
    stack = nullptr;
  }
  write_one(archive, nested_in(error), stack);
}

// Something else than a std::exception was thrown; simple values tell their text.
void write_unusual(OutputArchive& archive, const std::exception_ptr& value,
                   const ThrowStack* stack) {
  try {
    std::rethrow_exception(value);
  } catch (const std::string& text) {
    write_remote(archive, "std::string", text, lines_of(stack));
  } catch (const char* text) {
    write_remote(archive, "const char*", text != nullptr ? text : "", lines_of(stack));
  } catch (int number) {
    write_remote(archive, "int", std::to_string(number), lines_of(stack));
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    write_remote(archive, type != nullptr ? type_name(*type) : "an unknown type", "",
                 lines_of(stack));
  }
  archive(std::exception_ptr());
}

std::exception_ptr read_group(InputArchive& archive) {
  const auto message = archive.read<std::string>();
  auto errors = archive.read<std::vector<std::exception_ptr>>();
  const auto nested = archive.read<std::exception_ptr>();
  for (const std::exception_ptr& error : errors) {
    if (error == nullptr) {
      bad_value("an ExceptionGroup with nothing for an exception");
    }
  }
  if (errors.empty()) {
    bad_value("an ExceptionGroup without exceptions");
  }
  return with_nested(ExceptionGroup(message, std::move(errors)), nested);
}

// The stack goes where nothing else is nested any more.
void write_one(OutputArchive& archive, const std::exception_ptr& value, const ThrowStack* stack) {
  const OutputArchive::Level level(archive);
  if (value == nullptr) {
    const coeval::detail::RemoteFrames frames = frames_of(stack);
    if (frames.frames.empty()) {
      archive(Kind::none);
    } else {
      write_traceback(archive, frames);
    }
    return;
  }
  // Written only once it is known what it is: PickleError passes through from inside.
  const std::exception* standard = nullptr;
  try {
    std::rethrow_exception(value);
  } catch (const std::exception& error) {
    standard = &error;  // value keeps it
  } catch (...) {
    standard = nullptr;
  }
  if (standard != nullptr) {
    write_standard(archive, *standard, stack);
  } else {
    write_unusual(archive, value, stack);
  }
}

}  // namespace

void Codec<std::exception_ptr>::write(OutputArchive& archive, const std::exception_ptr& value) {
  write_one(archive, value, nullptr);
}

std::exception_ptr Codec<std::exception_ptr>::read(InputArchive& archive) {
  const InputArchive::Level level(archive);
  switch (archive.read<Kind>()) {
    case Kind::none:
      return nullptr;
    case Kind::of_known_type: {
      const auto place = archive.read<std::uint16_t>();
      const auto text = archive.read<std::string>();
      const auto nested = archive.read<std::exception_ptr>();
      if (place >= known_types.size()) {
        bad_value("an exception of a type that is not known");
      }
      return known_types[place].make(text, nested);
    }
    case Kind::coded: {
      const auto coded = archive.read<CodedError>();
      return coded.make(archive.read<std::exception_ptr>());
    }
    case Kind::group:
      return read_group(archive);
    case Kind::exit: {
      const auto code = archive.read<int>();
      return with_nested(SystemExit(code), archive.read<std::exception_ptr>());
    }
    case Kind::remote: {
      auto type = archive.read<std::string>();
      auto message = archive.read<std::string>();
      auto stack = archive.read<std::string>();
      return with_nested(RemoteError(std::move(type), std::move(message), std::move(stack)),
                         archive.read<std::exception_ptr>());
    }
    case Kind::worker_died: {
      const auto message = archive.read<std::string>();
      const auto code = archive.read<int>();
      const auto pid = static_cast<pid_t>(archive.read<std::int64_t>());
      auto stack = archive.read<std::string>();
      return with_nested(WorkerDied(message, code, pid, std::move(stack)),
                         archive.read<std::exception_ptr>());
    }
    case Kind::traceback:
      return read_traceback(archive);
  }
  bad_value("an exception of an unknown kind");
}

}  // namespace coeval::pickle::detail

namespace coeval::pickle {

void write_exception(OutputArchive& archive, const std::exception_ptr& exception,
                     const ThrowStack& stack) {
  detail::write_one(archive, exception, &stack);
}

}  // namespace coeval::pickle
