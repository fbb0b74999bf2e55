// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tasks whose answers a hostile worker makes up, and what a right answer looks like.

#include "support/hostile_worker.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/pickle.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <variant>
#include <vector>

namespace support {

struct Picture {
  std::string name;
  std::vector<std::uint8_t> pixels;
  std::optional<double> exposure;
};

using Table = std::map<std::string, std::vector<int>>;
using Mixed = std::tuple<std::variant<int, std::string, std::vector<bool>>, std::uint8_t, double>;

// Each kind of task and its result. The last byte of the arguments is the kind.
inline int kind_0(std::uint8_t /*kind*/) {
  return 1;
}
inline std::string kind_1(std::uint8_t /*kind*/) {
  return "a text that is longer than a string has room for in itself";
}
inline Table kind_2(std::uint8_t /*kind*/) {
  return {{"one", {1}}, {"two", {1, 2}}, {"many", std::vector<int>(50)}};
}
inline Mixed kind_3(std::uint8_t /*kind*/) {
  return {std::vector<bool>{true, false}, 3, 0.5};
}
inline std::vector<Picture> kind_4(std::uint8_t /*kind*/) {
  return {{.name = "left", .pixels = std::vector<std::uint8_t>(100), .exposure = 0.5},
          {.name = "right", .pixels = {}, .exposure = {}}};
}
inline std::vector<coeval::FileDescriptor> kind_5(std::uint8_t /*kind*/) {
  return {};
}

template <class T>
std::vector<std::byte> pickled(const T& value) {
  coeval::pickle::OutputArchive archive;
  archive(value);
  const coeval::pickle::Bytes bytes = archive.take().bytes;
  return {bytes.begin(), bytes.end()};
}

inline const HostileSamples& samples() {
  static const HostileSamples made{
      .results = {pickled(kind_0(0)), pickled(kind_1(0)), pickled(kind_2(0)), pickled(kind_3(0)),
                  pickled(kind_4(0)), std::vector<std::byte>(16)},
      .exceptions = {
          pickled(std::make_exception_ptr(std::runtime_error("of the standard library"))),
          pickled(std::make_exception_ptr(coeval::TimeoutError("of this one"))),
          pickled(std::make_exception_ptr(coeval::WorkerDied("with fields", -9, 1234, "a stack"))),
          pickled(std::make_exception_ptr(std::system_error(5, std::generic_category(), "text"))),
          pickled(std::make_exception_ptr(42)),
      }};
  return made;
}

}  // namespace support
