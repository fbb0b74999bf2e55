// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

#include <fmt/format.h>

#include <array>
#include <utility>

namespace coeval::pickle::detail {
namespace {

template <class T>
constexpr std::pair<std::uint32_t, std::string_view> named(std::string_view name) {
  return {shape_code<T>, name};
}

// What the bytes most often hold when they hold something else.
constexpr std::array known{
    named<bool>("bool"),
    named<std::int8_t>("std::int8_t"),
    named<std::uint8_t>("std::uint8_t"),
    named<std::int16_t>("std::int16_t"),
    named<std::uint16_t>("std::uint16_t"),
    named<std::int32_t>("std::int32_t"),
    named<std::uint32_t>("std::uint32_t"),
    named<std::int64_t>("std::int64_t"),
    named<std::uint64_t>("std::uint64_t"),
    named<float>("float"),
    named<double>("double"),
    named<std::string>("std::string"),
    named<std::vector<std::string>>("a sequence of std::string"),
    named<std::vector<int>>("a sequence of std::int32_t"),
    named<std::vector<double>>("a sequence of double"),
    named<std::exception_ptr>("std::exception_ptr"),
};

}  // namespace

void other_type(const std::type_info& asked, std::uint32_t found) {
  for (const auto& [code, name] : known) {
    if (code == found) {
      throw PickleError(
          fmt::format("coeval::pickle::loads<{}>: the bytes hold {}", type_name(asked), name));
    }
  }
  throw PickleError(
      fmt::format("coeval::pickle::loads<{}>: the bytes hold another type", type_name(asked)));
}

}  // namespace coeval::pickle::detail
