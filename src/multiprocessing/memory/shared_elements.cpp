// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/detail/shared_elements.hpp>

#include <coeval/core/errors.hpp>

#include <fmt/format.h>

#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// Half of what a file's size can express leaves room for a lock, and for any rounding.
constexpr std::size_t most_bytes = static_cast<std::size_t>(std::numeric_limits<off_t>::max() / 4);

}  // namespace

std::size_t size_of_elements(const char* type, std::size_t count, std::size_t size) {
  if (count > most_bytes / size) {
    throw ValueError(
        fmt::format("coeval::multiprocessing::{}: {} elements of {} bytes; give a number up to {}",
                    type, count, size, most_bytes / size));
  }
  return count * size;
}

void throw_no_element(const char* type, std::size_t index, std::size_t count) {
  throw ValueError(
      count == 0 ? fmt::format("coeval::multiprocessing::{}: there is no element {}; it is empty",
                               type, index)
                 : fmt::format("coeval::multiprocessing::{}: there is no element {}; the last of "
                               "the {} is {}",
                               type, index, count, count - 1));
}

void save_elements(pickle::OutputArchive& archive, std::uint32_t code, std::size_t count) {
  archive(code, static_cast<std::uint64_t>(count));
}

std::size_t load_elements(pickle::InputArchive& archive, const char* type, std::uint32_t code,
                          std::size_t size) {
  const auto found = archive.read<std::uint32_t>();
  const auto count = archive.read<std::uint64_t>();
  if (found != code) {
    throw PickleError(fmt::format(
        "coeval::multiprocessing::{}: what came has elements of another type; receive it as what "
        "was sent",
        type));
  }
  if (count > most_bytes / size) {
    throw PickleError(fmt::format(
        "coeval::multiprocessing::{}: {} elements were announced, more than there can be", type,
        count));
  }
  return static_cast<std::size_t>(count);
}

SharedMemory load_memory(pickle::InputArchive& archive, std::size_t size) {
  SharedMemory memory = SharedMemory::load(archive);
  if (!memory.name().empty() || memory.size() != size) {
    throw PickleError(fmt::format(
        "coeval::multiprocessing::SharedArray: the memory that came is not the unnamed one of {} "
        "bytes that was announced",
        size));
  }
  return memory;
}

}  // namespace coeval::multiprocessing::detail
