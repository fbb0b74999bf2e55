// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/exchange/codes.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/executors/detail/process_call.hpp>
#include <coeval/multiprocessing/detail/code_address.hpp>
#include <coeval/threading/lock.hpp>

#include <fmt/format.h>

#include <unordered_map>
#include <utility>
#include <vector>

namespace coeval::detail {
namespace {

// What this process has numbered for its workers. Never destroyed: tasks may be made at any time.
struct Numbered {
  threading::Lock lock;
  std::unordered_map<Code, std::uint32_t> numbers COEVAL_GUARDED_BY(lock);
  std::vector<Code> codes COEVAL_GUARDED_BY(lock);
};

Numbered& numbered() {
  static Numbered& all = *new Numbered;
  return all;
}

// What this process has learned from its parent. Of the worker's own thread.
std::vector<Code>& learned() {
  static std::vector<Code>& all = *new std::vector<Code>;
  return all;
}

// More numbers than a program has functions would be no number of ours.
constexpr std::uint32_t most_numbers = 1U << 24;

}  // namespace

std::uint32_t number_of_code(Code code) {
  struct Last {
    Code code = nullptr;
    std::uint32_t number = 0;
  };
  thread_local Last last;
  if (code == nullptr) {
    throw PickleError("coeval::ProcessPoolExecutor: a null pointer is no function");
  }
  if (last.code == code) {
    return last.number;
  }
  Numbered& all = numbered();
  const threading::Guard guard(all.lock);
  auto found = all.numbers.find(code);
  if (found == all.numbers.end()) {
    pickle::OutputArchive findable;
    multiprocessing::detail::write_code(findable, code);
    all.codes.push_back(code);
    found = all.numbers.emplace(code, static_cast<std::uint32_t>(all.codes.size())).first;
  }
  last = {.code = code, .number = found->second};
  return found->second;
}

namespace {

Code own_code(std::uint32_t number) {
  Numbered& all = numbered();
  const threading::Guard guard(all.lock);
  return all.codes.at(number - 1);
}

thread_local int own_codes_are_meant = 0;

}  // namespace

OwnCodes::OwnCodes() noexcept {
  ++own_codes_are_meant;
}

OwnCodes::~OwnCodes() {
  --own_codes_are_meant;
}

void write_numbered_code(pickle::OutputArchive& archive, std::uint32_t number) {
  archive(number);
  multiprocessing::detail::write_code(archive, own_code(number));
}

void learn_numbered_code(pickle::InputArchive& archive) {
  const auto number = archive.read<std::uint32_t>();
  Code code = multiprocessing::detail::read_code(archive);
  if (number == 0 || number > most_numbers) {
    throw PickleError("coeval::ProcessPoolExecutor: an impossible number of code");
  }
  if (learned().size() < number) {
    learned().resize(number);
  }
  learned()[number - 1] = code;
}

Code code_of_number(std::uint32_t number) {
  if (own_codes_are_meant != 0) {
    return own_code(number);
  }
  if (number == 0 || number > learned().size() || learned()[number - 1] == nullptr) {
    throw PickleError(
        fmt::format("coeval::ProcessPoolExecutor: this process knows no code {}", number));
  }
  return learned()[number - 1];
}

}  // namespace coeval::detail
