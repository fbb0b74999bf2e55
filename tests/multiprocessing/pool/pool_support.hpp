// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of multiprocessing::Pool share.

#include "contract/gate.hpp"
#include "multiprocessing/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/pool.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pool_test {

using coeval::multiprocessing::AsyncResult;
using coeval::multiprocessing::Pool;
using multiprocessing_test::SharedNumbers;
using multiprocessing_test::until;
using Gate = coeval::contract::CrossProcessGate;
using Ticket = Gate::Ticket;

inline int square(int n) {
  return n * n;
}
inline int multiply(int a, int b) {
  return a * b;
}
inline int own_pid() {
  return ::getpid();
}
inline int refuse(int n) {
  throw std::invalid_argument("refused " + std::to_string(n));
}
// Waits at the gate if it is its turn; the first ticket is the only one that is used.
inline int pass_if(bool waits, const Ticket& ticket, int n) {
  if (waits) {
    ticket.pass();
  }
  return n;
}
// Waits at the gate if the number is 0.
struct GateAtZero {
  Ticket ticket;
  int operator()(int n) const { return pass_if(n == 0, ticket, n); }
  void save(coeval::pickle::OutputArchive& archive) const { archive(ticket); }
  static GateAtZero load(coeval::pickle::InputArchive& archive) {
    return {.ticket = archive.read<Ticket>()};
  }
};

[[noreturn]] inline void run_for_ever() {
  while (true) {
    asm volatile("");
  }
}

inline std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}
inline std::vector<int> squares(int count) {
  std::vector<int> all = numbers(count);
  for (int& n : all) {
    n *= n;
  }
  return all;
}

// Raised by the inputs: CPython's SayWhenError.
class SayWhen : public std::runtime_error {
 public:
  SayWhen() : std::runtime_error("when") {}
};

// The numbers from 0 whose reading raises SayWhen at the given one.
inline auto numbers_until(int when) {
  return std::views::iota(0, when + 10) | std::views::transform([when](int n) {
           if (n == when) {
             throw SayWhen();
           }
           return n;
         });
}

// The text of the error of that type that the call raises; a failure of the test if it does not.
template <class Error, class Call>
std::string text_of(Call call) {
  try {
    static_cast<void>(call());
    ADD_FAILURE() << "nothing was raised";
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error was raised: " << error.what();
  }
  return "";
}

}  // namespace pool_test
