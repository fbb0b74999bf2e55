// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the process pool share.

#include "contract/gate.hpp"
#include "multiprocessing/helpers.hpp"
#include "support/sanitizers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/futures.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>

namespace process_pool_test {

using coeval::contract::CrossProcessGate;
using multiprocessing_test::SharedNumbers;
using multiprocessing_test::until;
using support::under_sanitizer;
using support::under_thread_sanitizer;
using Ticket = CrossProcessGate::Ticket;

inline int square(int n) {
  return n * n;
}
inline int own_pid() {
  return ::getpid();
}

// How many descriptors this process has.
inline long open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

// The text of the error of that type which the future raises; a failure of the test if it does not.
template <class Error, class T>
std::string text_of(const coeval::Future<T>& future) {
  try {
    static_cast<void>(future.result());
    ADD_FAILURE() << "nothing was raised";
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error was raised: " << error.what();
  }
  return "";
}

}  // namespace process_pool_test
