// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Many numbers, and many short strings.

#include "pickle/rows.hpp"

namespace bench {

std::vector<Row> number_rows(const Settings&) {
  const auto numbers = [] {
    std::vector<double> values(2'500'000);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = 0.5 * static_cast<double>(i);
    }
    return values;
  };
  return {pickle_row("pickle/doubles_20MB", "ms", numbers, 1, 1e6)};
}

std::vector<Row> text_rows(const Settings&) {
  const auto words = [] {
    std::vector<std::string> values;
    for (int i = 0; i < 500'000; ++i) {
      values.push_back("word " + std::to_string(i));
    }
    return values;
  };
  return {pickle_row("pickle/strings_500k", "ms", words, 1, 1e6)};
}

}  // namespace bench
