// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/suite.hpp"

#include "support/machine.hpp"
#include "support/results.hpp"
#include "support/sample.hpp"

#include <coeval/version.hpp>

#include <fmt/format.h>

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

int measure_all(const std::string& area, std::initializer_list<MakeRows> groups,
                const Settings& settings) {
  std::vector<Row> rows;
  for (const MakeRows make_rows : groups) {
    for (Row& row : make_rows(settings)) {
      if (row.name.find(settings.row) != std::string::npos) {
        rows.push_back(std::move(row));
      }
    }
  }
  if (rows.empty()) {
    refuse(fmt::format("no row has '{}' in its name", settings.row));
  }
  fmt::print("coeval {}: {}\n{} rounds; each sample in a process of its own\n\n",
             coeval::coeval_version(), machine_line(), settings.rounds);
  const std::vector<std::string> contestants = contestant_names(rows);
  print_header(contestants);
  std::fflush(stdout);

  Notes notes;
  std::vector<RowResult> results;
  bool complete = true;
  for (const Row& row : rows) {
    results.push_back(measure(row, settings.rounds, notes));
    print_row(results.back(), contestants);
    complete = complete && results.back().ours.has_value();
  }
  fmt::print(
      "\nratio: coeval to the best rival, median of the rounds (lowest to highest); "
      "below 1 is ahead where small is good\n");
  keep(area, results, settings);
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
