// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace model {

Chooser::~Chooser() = default;

int Chooser::choose_thread(std::span<const Candidate> candidates, int /*step*/) {
  return choose(static_cast<int>(candidates.size()), Choice::thread);
}

// ---- exhaustive

bool ExhaustiveChooser::next_execution() {
  depth_ = 0;
  if (!begun_) {
    begun_ = true;
    return true;
  }
  while (!path_.empty() && path_.back().chosen + 1 == path_.back().options) {
    path_.pop_back();
  }
  if (path_.empty()) {
    return false;
  }
  ++path_.back().chosen;
  return true;
}

int ExhaustiveChooser::choose(int options, Choice /*kind*/) {
  if (depth_ == path_.size()) {
    path_.push_back({0, static_cast<std::uint8_t>(options)});
  }
  const Node& node = path_[depth_++];
  if (node.options != options) {
    diverged_ = true;
    return 0;
  }
  return node.chosen;
}

std::vector<std::uint8_t> ExhaustiveChooser::choices() const {
  std::vector<std::uint8_t> chosen;
  std::transform(path_.begin(), path_.begin() + static_cast<std::ptrdiff_t>(depth_),
                 std::back_inserter(chosen), [](const Node& node) { return node.chosen; });
  return chosen;
}

// ---- random

bool RandomChooser::next_execution() {
  if (left_ == 0) {
    return false;
  }
  --left_;
  seed_ = next_seed_++;
  state_ = seed_ * 0x9e3779b97f4a7c15U;
  choices_.clear();
  return true;
}

// Splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t RandomChooser::random() noexcept {
  std::uint64_t bits = state_ += 0x9e3779b97f4a7c15U;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

int RandomChooser::random_below(int bound) noexcept {
  return static_cast<int>((random() >> 33U) % static_cast<std::uint64_t>(bound));
}

int RandomChooser::record(int chosen) {
  choices_.push_back(static_cast<std::uint8_t>(chosen));
  return chosen;
}

int RandomChooser::choose(int options, Choice kind) {
  // A death or a spurious failure at every second chance would leave little to see of the rest.
  const bool rare = kind == Choice::kill || kind == Choice::spurious;
  return record(rare && random_below(16) != 0 ? 0 : random_below(options));
}

// ---- pct

bool PctChooser::next_execution() {
  if (!RandomChooser::next_execution()) {
    return false;
  }
  longest_ = std::max(longest_, last_step_);
  for (std::size_t i = 0; i < priorities_.size(); ++i) {
    // Positive and different for each thread; those that fell are negative.
    priorities_[i] =
        static_cast<std::int64_t>(random() >> 8U) * max_threads / 2 + static_cast<std::int64_t>(i);
    priorities_[i] &= INT64_MAX;
  }
  std::ranges::generate(changes_, [this] { return random_below(longest_) + 1; });
  last_step_ = 0;
  return true;
}

int PctChooser::choose_thread(std::span<const Candidate> candidates, int step) {
  for (const int change : changes_) {
    // The running thread is the first candidate; with each change it falls lower than any before.
    if (change > last_step_ && change <= step) {
      priorities_[candidates[0].thread] = -change;
    }
  }
  last_step_ = step;
  const auto ready = std::ranges::count_if(candidates, [](const Candidate& candidate) {
    return candidate.reason == Candidate::Reason::ready;
  });
  if (ready == 0 || (static_cast<std::size_t>(ready) < candidates.size() && random_below(8) == 0)) {
    return record(random_below(static_cast<int>(candidates.size())));
  }
  const auto best = std::max_element(candidates.begin(), candidates.begin() + ready,
                                     [this](const Candidate& a, const Candidate& b) {
                                       return priorities_[a.thread] < priorities_[b.thread];
                                     });
  return record(static_cast<int>(best - candidates.begin()));
}

// ---- replay

bool ReplayChooser::next_execution() {
  return !std::exchange(begun_, true);
}

int ReplayChooser::choose(int options, Choice /*kind*/) {
  if (position_ == choices_.size()) {
    return 0;
  }
  const int chosen = choices_[position_++];
  if (chosen >= options) {
    diverged_ = true;
    return 0;
  }
  return chosen;
}

std::unique_ptr<Chooser> make_chooser(const Options& options) {
  const std::uint64_t executions = options.executions != 0 ? options.executions : 10'000;
  switch (options.search) {
    case Search::random:
      return std::make_unique<RandomChooser>(options.seed, executions);
    case Search::pct:
      return std::make_unique<PctChooser>(options.seed, executions, options.changes);
    case Search::exhaustive:
      break;
  }
  return std::make_unique<ExhaustiveChooser>();
}

// ---- text

std::string text_of(std::span<const std::uint8_t> choices) {
  static constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuv";
  std::string text;
  std::size_t zeros = 0;
  for (const std::uint8_t choice : choices) {
    if (choice == 0) {
      ++zeros;
      continue;
    }
    text += zeros > 3 ? fmt::format("({})", zeros) : std::string(zeros, '0');
    zeros = 0;
    text += letters[choice];
  }
  return text.empty() ? "0" : text;
}

std::vector<std::uint8_t> parse_choices(std::string_view text) {
  std::vector<std::uint8_t> choices;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (letter >= '0' && letter <= '9') {
      choices.push_back(static_cast<std::uint8_t>(letter - '0'));
    } else if (letter >= 'a' && letter <= 'v') {
      choices.push_back(static_cast<std::uint8_t>(letter - 'a' + 10));
    } else if (const std::size_t end = text.find(')', i); letter == '(' && end != text.npos) {
      choices.resize(choices.size() + std::stoul(std::string(text.substr(i + 1, end - i - 1))));
      i = end;
    } else {
      throw std::invalid_argument(fmt::format("model: no list of choices: \"{}\"", text));
    }
  }
  return choices;
}

}  // namespace model
