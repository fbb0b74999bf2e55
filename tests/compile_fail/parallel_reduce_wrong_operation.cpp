// expect: coeval::parallel_reduce: op(T, T) and op(T, transform(element)) must give what
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_reduce.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <cstddef>
#include <string>
#include <vector>

// Adds an element to a sum, but cannot add two sums.
std::size_t test(coeval::ThreadPoolExecutor& pool, const std::vector<std::string>& words) {
  const auto add = [](std::size_t sum, const std::string& word) { return sum + word.size(); };
  return coeval::parallel_reduce(pool, words, std::size_t{0}, add);
}
