// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What exceptions of the standard library are made of, so that they can be made again.

#include <coeval/pickle/archive.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>

namespace coeval::pickle::detail {

// With its nested exception, as std::throw_with_nested makes it.
template <class T>
std::exception_ptr with_nested(T error, const std::exception_ptr& nested) {
  if (nested == nullptr) {
    return std::make_exception_ptr(std::move(error));
  }
  try {
    std::rethrow_exception(nested);
  } catch (...) {
    try {
      std::throw_with_nested(std::move(error));
    } catch (...) {
      return std::current_exception();
    }
  }
}

// The dynamic type; std::throw_with_nested wraps the type in one of its own.
template <class T>
bool is_exactly(const std::exception& error) {
  return typeid(error) == typeid(T) || typeid(error) == typeid(std::_Nested_exception<T>);
}

// The name of the dynamic type, or of the one that std::throw_with_nested wrapped.
std::string name_of(const std::exception& error);

// An exception of the program's may do anything in what().
std::string text_of(const std::exception& error) noexcept;

// One with an error code: a std::system_error, filesystem_error, ios_base::failure, future_error or
// regex_error.
struct CodedError {
  enum class Type : std::uint8_t { system, filesystem, ios_failure, future, regex };

  Type type = Type::system;
  std::uint8_t category = 0;  // of the standard library's; see standard_exceptions.cpp
  std::int32_t code = 0;
  std::string text;  // that it was made with
  // Of a filesystem_error.
  std::uint8_t path_count = 0;
  std::string path1;
  std::string path2;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(type, category, code, text, path_count, path1, path2);
  }

  // Nothing for another type, or a category of the program's.
  static std::optional<CodedError> of(const std::exception& error);
  // Errors: PickleError for what of() does not give.
  std::exception_ptr make(const std::exception_ptr& nested) const;
};

}  // namespace coeval::pickle::detail
