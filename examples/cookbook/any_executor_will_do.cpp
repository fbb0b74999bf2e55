// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A function of one's own that works with every executor.

#include <coeval/coeval.hpp>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

std::size_t length(const std::string& word) {
  return word.size();
}

std::size_t total_length(coeval::Executor auto& executor, const std::vector<std::string>& words) {
  std::size_t total = 0;
  for (const std::size_t n : executor.map(length, words)) {
    total += n;
  }
  return total;
}

int main() {
  const std::vector<std::string> words = {"one", "three", "five"};

  coeval::InlineExecutor here;
  coeval::ThreadPoolExecutor threads;
  coeval::AnyExecutor any = threads;  // refers to the pool, for code that is no template
  std::printf("%zu %zu %zu\n", total_length(here, words), total_length(threads, words),
              total_length(any, words));
}
