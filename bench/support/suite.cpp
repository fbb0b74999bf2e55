// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/suite.hpp"

#include "support/machine.hpp"
#include "support/results.hpp"
#include "support/sample.hpp"

#include <coeval/version.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>

namespace bench {
namespace {

// A sample that takes longer has hung.
constexpr double limit_seconds = 30;

constexpr const char* usage =
    "options:\n"
    "  --rounds N    how many samples of each contestant (default 5)\n"
    "  --row TEXT    only rows whose name has TEXT in it\n"
    "  --json FILE   where the results go (default, for a whole run: bench/results/<area>.json)\n"
    "  --quick       two rounds of a tenth of the work\n";

[[noreturn]] void refuse(const std::string& what) {
  fmt::print(stderr, "{}\n{}", what, usage);
  std::exit(2);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  std::optional<int> rounds;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--help") {
      fmt::print("{}", usage);
      std::exit(0);
    }
    if (option == "--quick") {
      settings.quick = true;
      continue;
    }
    if (option != "--rounds" && option != "--row" && option != "--json") {
      refuse(fmt::format("there is no option '{}'", option));
    }
    if (++i == argc) {
      refuse(fmt::format("{} needs a value", option));
    }
    if (option == "--rounds") {
      rounds = std::atoi(argv[i]);
      if (*rounds < 1) {
        refuse("--rounds needs a number from 1 up");
      }
    } else {
      (option == "--row" ? settings.row : settings.json_file) = argv[i];
    }
  }
  settings.rounds = rounds.value_or(settings.quick ? 2 : settings.rounds);
  return settings;
}

// bench/results/<area>.json of the source tree that this program was built in, else of the current
// folder.
std::string default_file(const std::string& area) {
  std::filesystem::path root = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  while (root.has_relative_path() && !std::filesystem::exists(root / "bench" / "CMakeLists.txt")) {
    root = root.parent_path();
  }
  const std::filesystem::path file =
      std::filesystem::path("bench") / "results" / fmt::format("{}.json", area);
  return root.has_relative_path() ? root / file : file;
}

// Says each sentence once, above the row that it belongs to.
class Notes {
 public:
  void say(const std::string& sentence) {
    if (said_.insert(sentence).second) {
      fmt::print("  {}\n", sentence);
      std::fflush(stdout);
    }
  }

 private:
  std::set<std::string> said_;
};

RowResult measure(const Row& row, int count, Notes& notes) {
  Rounds rounds(row);
  for (int round = 0; round < count; ++round) {
    for (std::size_t i = 0; i < row.contestants.size(); ++i) {
      const Contestant& contestant = row.contestants[i];
      Sample sample;
      if (contestant.measure) {
        sample = take_sample(contestant.measure, limit_seconds);
        if (!sample.problem.empty()) {
          notes.say(fmt::format("{}: {}: {}", row.name, contestant.name, sample.problem));
        }
      } else {
        notes.say(fmt::format("{} is left out: {}", contestant.name, contestant.missing));
      }
      rounds.values[i].push_back(sample.value);
    }
  }
  return evaluate(rounds);
}

// Writes the file that was asked for, or the area's own after a whole run.
void keep(const std::string& area, const std::vector<RowResult>& results,
          const Settings& settings) {
  const bool whole = settings.row.empty() && !settings.quick;
  if (settings.json_file.empty() && !whole) {
    fmt::print("not written to a file: a part of the rows, or a quick run\n");
    return;
  }
  const std::string file = settings.json_file.empty() ? default_file(area) : settings.json_file;
  write_json(file, results);
  fmt::print("written to {}\n", file);
}

// The rows of a group that were asked for.
std::vector<Row> chosen(MakeRows make_rows, const Settings& settings) {
  std::vector<Row> rows = make_rows(settings);
  std::erase_if(rows, [&](const Row& row) { return row.name.find(settings.row) == row.name.npos; });
  return rows;
}

// Measures and prints group after group. The header is repeated when a group has other contestants.
std::vector<RowResult> measure_groups(std::initializer_list<MakeRows> groups,
                                      const Settings& settings) {
  Notes notes;
  std::vector<RowResult> results;
  std::vector<std::string> columns;
  for (const MakeRows make_rows : groups) {
    const std::vector<Row> rows = chosen(make_rows, settings);
    const std::vector<std::string> contestants = contestant_names(rows);
    const bool all_there = std::ranges::all_of(contestants, [&](const std::string& name) {
      return std::ranges::find(columns, name) != columns.end();
    });
    if (!all_there) {
      columns = contestants;
      print_header(columns);
      std::fflush(stdout);
    }
    for (const Row& row : rows) {
      results.push_back(measure(row, settings.rounds, notes));
      print_row(results.back(), columns);
    }
  }
  return results;
}

int measure_all(const std::string& area, std::initializer_list<MakeRows> groups,
                const Settings& settings) {
  fmt::print("coeval {}: {}\n{} rounds; each sample in a process of its own\n\n",
             coeval::coeval_version(), machine_line(), settings.rounds);
  const std::vector<RowResult> results = measure_groups(groups, settings);
  if (results.empty()) {
    refuse(fmt::format("no row has '{}' in its name", settings.row));
  }
  fmt::print(
      "\nratio: coeval to the best rival, median of the rounds (lowest to highest); "
      "below 1 is ahead where small is good\n");
  keep(area, results, settings);
  const bool complete =
      std::ranges::all_of(results, [](const RowResult& result) { return result.ours.has_value(); });
  return complete ? 0 : 1;
}

}  // namespace

int run_suite(const std::string& area, std::initializer_list<MakeRows> groups, int argc,
              char** argv) {
  try {
    return measure_all(area, groups, parse(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_{}: {}\n", area, error.what());
    return 1;
  }
}

}  // namespace bench
