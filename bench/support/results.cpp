// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/results.hpp"

#include "support/clock.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace bench {
namespace {

using Values = std::vector<std::optional<double>>;

// Below this distance from 1 a ratio says nothing on a machine that other programs share.
constexpr double noise = 0.1;

// The part of the rounds that must be on one side of 1 before a row counts as ahead or behind.
constexpr double agreement = 0.8;

std::optional<double> median_of(const Values& values) {
  std::vector<double> present;
  for (const auto& value : values) {
    if (value) {
      present.push_back(*value);
    }
  }
  return present.empty() ? std::nullopt : std::optional(median(std::move(present)));
}

// The contestant with the best median, other than the first.
std::optional<std::size_t> best_rival(const Rounds& rounds) {
  std::optional<std::size_t> best;
  std::optional<double> best_value;
  for (std::size_t i = 1; i < rounds.values.size(); ++i) {
    const auto value = median_of(rounds.values[i]);
    const bool better =
        value && (!best_value ||
                  (rounds.row.higher_is_better ? *value > *best_value : *value < *best_value));
    if (better) {
      best = i;
      best_value = value;
    }
  }
  return best;
}

std::vector<double> ratios(const Values& ours, const Values& theirs) {
  std::vector<double> all;
  for (std::size_t round = 0; round < std::min(ours.size(), theirs.size()); ++round) {
    if (ours[round] && theirs[round] && *theirs[round] != 0) {
      all.push_back(*ours[round] / *theirs[round]);
    }
  }
  return all;
}

// Three significant digits, without an exponent.
std::string number(double value) {
  if (value == 0) {
    return "0";
  }
  const int digits = 2 - static_cast<int>(std::floor(std::log10(std::abs(value))));
  const double unit = std::pow(10.0, digits);
  return fmt::format("{:.{}f}", std::round(value * unit) / unit, std::max(0, digits));
}

std::size_t column_width(std::string_view name) {
  return std::max<std::size_t>(12, name.size() + 2);
}

// Whether the ratio is far enough from 1, and the rounds agree on which side of it they are.
bool is_clear(const RowResult& result) {
  const bool below = *result.ratio < 1;
  const auto agreeing =
      std::ranges::count_if(result.ratios, [below](double ratio) { return (ratio < 1) == below; });
  return std::abs(*result.ratio - 1) >= noise &&
         static_cast<double>(agreeing) >= agreement * static_cast<double>(result.ratios.size());
}

std::string verdict(const RowResult& result) {
  if (!result.ratio) {
    return "no ratio";
  }
  const bool ahead = (*result.ratio < 1) != result.higher_is_better;
  const char* const word = !is_clear(result) ? "even with" : ahead ? "ahead of" : "behind";
  return fmt::format("{:>6}  {} {} ({} to {})", number(*result.ratio), word, result.best_rival,
                     number(std::ranges::min(result.ratios)),
                     number(std::ranges::max(result.ratios)));
}

}  // namespace

RowResult evaluate(const Rounds& rounds) {
  const Row& row = rounds.row;
  RowResult result{.name = row.name, .unit = row.unit, .higher_is_better = row.higher_is_better};
  result.rounds = static_cast<int>(rounds.values.front().size());
  result.ours = median_of(rounds.values.front());
  for (std::size_t i = 1; i < rounds.values.size(); ++i) {
    if (const auto value = median_of(rounds.values[i])) {
      result.rivals[row.contestants[i].name] = *value;
    }
  }
  if (const auto best = best_rival(rounds)) {
    result.best_rival = row.contestants[*best].name;
    result.ratios = ratios(rounds.values.front(), rounds.values[*best]);
    if (!result.ratios.empty()) {
      result.ratio = median(result.ratios);
    }
  }
  return result;
}

std::vector<std::string> contestant_names(std::span<const Row> rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    for (const Contestant& contestant : row.contestants) {
      if (std::ranges::find(names, contestant.name) == names.end()) {
        names.push_back(contestant.name);
      }
    }
  }
  return names;
}

void print_header(const std::vector<std::string>& contestants) {
  std::string line = fmt::format("{:<38}{:<9}", "row", "unit");
  for (const std::string& name : contestants) {
    line += fmt::format("{:>{}}", name, column_width(name));
  }
  fmt::print("{}   ratio\n", line);
}

void print_row(const RowResult& result, const std::vector<std::string>& contestants) {
  std::string line = fmt::format("{:<38}{:<9}", result.name, result.unit);
  for (const std::string& name : contestants) {
    std::optional<double> value;
    if (name == contestants.front()) {
      value = result.ours;
    } else if (const auto found = result.rivals.find(name); found != result.rivals.end()) {
      value = found->second;
    }
    line += fmt::format("{:>{}}", value ? number(*value) : "-", column_width(name));
  }
  fmt::print("{}  {}\n", line, verdict(result));
  std::fflush(stdout);
}

void write_json(const std::string& file, const std::vector<RowResult>& results) {
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(); };
  Json list = Json::array();
  for (const RowResult& result : results) {
    Json entry;
    entry["name"] = result.name;
    entry["unit"] = result.unit;
    entry["ours"] = or_null(result.ours);
    entry["rivals"] = result.rivals;
    entry["best_rival"] = result.best_rival.empty() ? Json() : Json(result.best_rival);
    entry["ratio"] = or_null(result.ratio);
    entry["rounds"] = result.rounds;
    if (result.higher_is_better) {
      entry["higher_is_better"] = true;
    }
    list.push_back(std::move(entry));
  }
  const std::filesystem::path path(file);
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path());
  }
  std::ofstream out(path);
  out << list.dump(2) << "\n";
  if (!out.flush()) {
    throw std::runtime_error(fmt::format("cannot write {}", file));
  }
}

}  // namespace bench
