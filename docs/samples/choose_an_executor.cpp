// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <string>
#include <vector>

// [generic]
std::vector<int> lengths(coeval::Executor auto& pool, const std::vector<std::string>& words) {
  const auto length = [](const std::string& word) { return static_cast<int>(word.size()); };
  return coeval::list(pool.map(length, words));
}
// [generic]

const std::vector<std::string> words = {"one", "three"};

void by_type() {
  // [types]
  coeval::ThreadPoolExecutor waiting({.max_workers = 32, .thread_name_prefix = "io"});
  coeval::ThreadPoolExecutor computing({.max_workers = coeval::usable_cpu_count()});
  coeval::ProcessPoolExecutor apart({.max_workers = 4});
  coeval::InlineExecutor here;
  // [types]
  EXPECT(lengths(apart, words) == lengths(here, words));
  EXPECT(lengths(waiting, words) == lengths(here, words));
  EXPECT(lengths(computing, words) == lengths(here, words));
}

void at_run_time() {
  const std::string setting = "threads:8";
  // [text]
  coeval::AnyExecutor pool =
      coeval::make_executor(setting);  // "threads:8", "processes:4", "inline"
  const std::vector<int> result = lengths(pool, words);
  // [text]
  EXPECT((result == std::vector{3, 5}));
}

int main() {
  by_type();
  at_run_time();
}
