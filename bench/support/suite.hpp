// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A suite of benchmark rows: each stands for one workload, which coeval and its rivals all do. The
// contestants of a row take turns, round after round, so that a machine that gets slower
// meanwhile is slower for all of them.

#include "support/sample.hpp"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace bench {

// What the command line says.
struct Settings {
  int rounds = 5;
  bool quick = false;          // two rounds of a tenth of the work: to see that everything runs
  std::string row = {};        // only rows whose name has this in it
  std::string json_file = {};  // empty: bench/results/<area>.json, after a whole run

  // How often to do something that is done full times in a whole run.
  std::size_t count(std::size_t full) const { return quick ? full / 10 : full; }
};

struct Contestant {
  std::string name;
  Measure measure = {};      // empty: this contestant is not in this program
  std::string missing = {};  // why not
};

struct Row {
  std::string name;  // "threads/future_each"
  std::string unit;  // of every value: "ns/task"
  bool higher_is_better = false;
  std::vector<Contestant> contestants = {};  // the first is coeval
};

using MakeRows = std::vector<Row> (*)(const Settings& settings);

// The main function of an area's program: parses the command line, measures the rows, prints the
// table as it grows and writes the JSON file. Returns the exit status: 0 if coeval has a value in
// each row.
int run_suite(const std::string& area, std::initializer_list<MakeRows> groups, int argc,
              char** argv);

}  // namespace bench
