// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// pickle_fuzz [option of libFuzzer...] CORPUS: reads what libFuzzer makes up. The first byte says as
// what; the corpus is made anew, of good values.

#include <coeval/pickle/pickle.hpp>

#include "pickle/types.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

namespace coeval::pickle {
namespace {

using namespace sample;

// Whether it reads the bytes as a T. What it reads it must be able to write, and to read again.
template <class T>
bool accepts(std::span<const std::byte> bytes) {
  try {
    InputArchive input(bytes);
    const T value = input.read<T>();
    const Bytes again = written(value);
    InputArchive second(again);
    static_cast<void>(second.read<T>());
    second.expect_end();
    return true;
  } catch (const PickleError&) {
    return false;
  }
}

struct Subject {
  bool (*accepts)(std::span<const std::byte> bytes);
  Bytes good;
};
template <class T>
Subject subject(const T& value) {
  return {&accepts<T>, written(value)};
}

std::exception_ptr failures() {
  return std::make_exception_ptr(ExceptionGroup(
      "two",
      {std::make_exception_ptr(std::system_error(ENOSPC, std::generic_category(), "writing")),
       std::make_exception_ptr(RemoteError("T", "m", "s")), std::make_exception_ptr(SystemExit(3)),
       std::make_exception_ptr(TimeoutError("late"))}));
}

const std::vector<Subject>& subjects() {
  static const Row row{'k', 2.5, {1, 2, 3}, {4, 5}, "name"};
  static const std::vector<Subject> all{
      subject(std::string("some text")),
      subject(std::vector<std::string>{"a", "bc"}),
      subject(std::vector<Point>{{1, 2}, {3, 4}}),
      subject(Table{{row, row}, row, {"a", "b"}, Colour::green, true}),
      subject(std::map<std::string, std::variant<int, std::vector<int>>>{{"a", 1}}),
      subject(std::optional(std::tuple<bool, std::string, double>{true, "x", 1})),
      subject(std::unordered_map<int, std::set<int>>{{1, {2, 3}}}),
      subject(Node{1, std::make_unique<Node>(Node{2, nullptr})}),
      subject(std::vector<Account>{{"Ann", 5}}),
      subject(std::deque<bool>{true, false}),
      subject(std::u16string(u"wide")),
      subject(std::bitset<70>("1011")),
      subject(std::forward_list<std::error_code>{std::make_error_code(std::errc::io_error)}),
      subject(failures()),
  };
  return all;
}

}  // namespace
}  // namespace coeval::pickle

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  const std::filesystem::path corpus = (*arguments)[*count - 1];
  if (*count < 2 || corpus.native().starts_with('-') || std::filesystem::is_regular_file(corpus)) {
    return 0;  // an input to try again, and no corpus
  }
  std::filesystem::remove_all(corpus);
  std::filesystem::create_directories(corpus);
  const auto& subjects = coeval::pickle::subjects();
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    std::ofstream file(corpus / std::to_string(i), std::ios::binary);
    file.put(static_cast<char>(i));
    const coeval::pickle::Bytes& good = subjects[i].good;
    file.write(reinterpret_cast<const char*>(good.data()), std::ssize(good));
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size != 0) {
    const auto& subjects = coeval::pickle::subjects();
    const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
    subjects[data[0] % subjects.size()].accepts(bytes);
  }
  return 0;
}
