// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "pickle/standard_exceptions.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/pickle/pickle.hpp>

#include <array>
#include <filesystem>
#include <future>
#include <initializer_list>
#include <ios>
#include <regex>
#include <string_view>
#include <system_error>

namespace coeval::pickle::detail {
namespace {

// The categories of the standard library. Their order is part of the format.
std::array<const std::error_category*, 4> categories() noexcept {
  return {&std::generic_category(), &std::system_category(), &std::iostream_category(),
          &std::future_category()};
}

// The text that a system_error was made with: what() is it, ": " and the code's message.
std::string text_given(std::string text, const std::error_code& code) {
  const std::string message = code.message();
  if (text.ends_with(message)) {
    text.resize(text.size() - message.size());
    text.resize(text.ends_with(": ") ? text.size() - 2 : text.size());
  }
  return text;
}

std::filesystem::filesystem_error filesystem_error(const CodedError& error,
                                                   const std::error_code& code) {
  switch (error.path_count) {
    case 0:
      return {error.text, code};
    case 1:
      return {error.text, error.path1, code};
    default:
      return {error.text, error.path1, error.path2, code};
  }
}

// The bytes may be anybody's, and an enumeration cannot hold any number.
std::regex_constants::error_type regex_code(int code) noexcept {
  using namespace std::regex_constants;
  for (const error_type known :
       {error_collate, error_ctype, error_escape, error_backref, error_brack, error_paren,
        error_brace, error_badbrace, error_range, error_space, error_badrepeat, error_complexity,
        std::regex_constants::error_stack}) {
    if (known == code) {
      return known;
    }
  }
  return error_complexity;
}

// With its text, which the library's own throws give and no constructor for others takes.
std::exception_ptr regex_error(const CodedError& error, const std::exception_ptr& nested) {
  try {
    std::__throw_regex_error(regex_code(error.code), error.text.c_str());
  } catch (const std::regex_error& made) {
    return with_nested(made, nested);
  }
}

bool set_code(CodedError& error, const std::error_code& code) noexcept {
  const auto known = categories();
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (*known[i] == code.category()) {
      error.category = static_cast<std::uint8_t>(i);
      error.code = code.value();
      return true;
    }
  }
  return false;
}

// A path may have been given and be empty: what() tells.
void set_paths(CodedError& error, const std::filesystem::filesystem_error& thrown) {
  error.path1 = thrown.path1().native();
  error.path2 = thrown.path2().native();
  for (error.path_count = 0; error.path_count < 2; ++error.path_count) {
    if (text_of(filesystem_error(error, thrown.code())) == text_of(thrown)) {
      return;
    }
  }
}

// What libstdc++ throws for a program of either of its two string types.
constexpr std::string_view own_ios_failure = "std::__ios_failure";

std::optional<CodedError> of_system_error(const std::system_error& thrown) {
  CodedError error;
  if (!set_code(error, thrown.code())) {
    return std::nullopt;
  }
  error.text = text_given(thrown.std::runtime_error::what(), thrown.code());
  return error;
}

}  // namespace

std::string name_of(const std::exception& error) {
  constexpr std::string_view wrapper = "std::_Nested_exception<";
  std::string name = type_name(typeid(error));
  if (name.starts_with(wrapper)) {
    name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
  }
  return name;
}

std::string text_of(const std::exception& error) noexcept {
  try {
    const char* const text = error.what();
    return text != nullptr ? text : "";
  } catch (...) {
    return "(what() raised an exception)";
  }
}

std::optional<CodedError> CodedError::of(const std::exception& error) {
  std::optional<CodedError> coded;
  if (is_exactly<std::system_error>(error)) {
    coded = of_system_error(dynamic_cast<const std::system_error&>(error));
  } else if (is_exactly<std::filesystem::filesystem_error>(error)) {
    const auto& thrown = dynamic_cast<const std::filesystem::filesystem_error&>(error);
    coded = of_system_error(thrown);
    if (coded) {
      coded->type = Type::filesystem;
      set_paths(*coded, thrown);
    }
  } else if (is_exactly<std::ios_base::failure>(error) || name_of(error) == own_ios_failure) {
    coded = of_system_error(dynamic_cast<const std::ios_base::failure&>(error));
    if (coded) {
      coded->type = Type::ios_failure;
    }
  } else if (is_exactly<std::future_error>(error)) {
    coded.emplace().type = Type::future;
    set_code(*coded, dynamic_cast<const std::future_error&>(error).code());
  } else if (is_exactly<std::regex_error>(error)) {
    coded.emplace().type = Type::regex;
    coded->code = dynamic_cast<const std::regex_error&>(error).code();
    coded->text = text_of(error);
  }
  return coded;
}

std::exception_ptr CodedError::make(const std::exception_ptr& nested) const {
  const auto known = categories();
  if (category >= known.size()) {
    bad_value("an exception with an error code of an unknown category");
  }
  const std::error_code error_code(code, *known[category]);
  switch (type) {
    case Type::system:
      return with_nested(
          text.empty() ? std::system_error(error_code) : std::system_error(error_code, text),
          nested);
    case Type::filesystem:
      return with_nested(filesystem_error(*this, error_code), nested);
    case Type::ios_failure:
      return with_nested(std::ios_base::failure(text, error_code), nested);
    case Type::future:
      return with_nested(std::future_error(static_cast<std::future_errc>(code)), nested);
    case Type::regex:
      return regex_error(*this, nested);
  }
  bad_value("an exception of an unknown type with an error code");
}

}  // namespace coeval::pickle::detail
