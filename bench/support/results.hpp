// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the rounds of a row give, and how it is shown: a table to read, and a JSON file to keep.

#include "support/suite.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bench {

// The samples of one row: those of one contestant by round; a round without a value is empty.
struct Rounds {
  explicit Rounds(const Row& of) : row(of), values(of.contestants.size()) {}

  const Row& row;
  std::vector<std::vector<std::optional<double>>> values;  // [contestant][round]
};

struct RowResult {
  std::string name;
  std::string unit;
  bool higher_is_better = false;
  int rounds = 0;
  std::optional<double> ours = {};  // medians over the rounds
  std::map<std::string, double> rivals = {};
  std::string best_rival = {};       // empty if there is none
  std::optional<double> ratio = {};  // ours to the best rival's: the median of the ratios
  std::vector<double> ratios = {};   // one for each round in which both have a value
};

RowResult evaluate(const Rounds& rounds);

// The table's columns: every contestant of the rows, coeval first.
std::vector<std::string> contestant_names(std::span<const Row> rows);
void print_header(const std::vector<std::string>& contestants);
void print_row(const RowResult& result, const std::vector<std::string>& contestants);

// Raises std::runtime_error if the file cannot be written.
void write_json(const std::string& file, const std::vector<RowResult>& results);

}  // namespace bench
