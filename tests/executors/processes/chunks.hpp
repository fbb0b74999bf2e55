// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of chunks share.

#include "executors/processes/support.hpp"

#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace process_pool_test {

inline std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// How an element ends, in one word.
template <class Iterator>
std::string end_of(Iterator& it) {
  try {
    return std::to_string(*it);
  } catch (const coeval::WorkerDied&) {
    return "died";
  } catch (const std::exception& error) {
    return error.what();
  }
}

template <class Range>
std::vector<std::string> ends_of(Range results) {
  std::vector<std::string> ends;
  for (auto it = results.begin(); it != results.end(); ++it) {
    ends.push_back(end_of(it));
  }
  return ends;
}

}  // namespace process_pool_test
