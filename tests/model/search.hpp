// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The searches: who decides, wherever an execution could go on in several ways.

#include "model/options.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace model {

// What a choice is about. Option 0 is always the usual thing.
enum class Choice : std::uint8_t {
  thread,    // who goes on: the running thread first if it can
  value,     // what a load reads: the newest store first
  kill,      // whether the thread dies here
  notify,    // whom a notify_one wakes
  spurious,  // whether a weak compare-exchange fails
};

// One way to go on.
struct Candidate {
  enum class Reason : std::uint8_t { ready, timeout, spurious };
  std::uint8_t thread;
  Reason reason;
};

// Answers the choices of one execution after the other. Not thread-safe.
class Chooser {
 public:
  Chooser() = default;
  virtual ~Chooser();
  Chooser(const Chooser&) = delete;
  Chooser& operator=(const Chooser&) = delete;

  // Prepares the next execution; false when there is none.
  virtual bool next_execution() = 0;

  // A number below options, of which there are at least two.
  virtual int choose(int options, Choice kind) = 0;

  // The index of the candidate that goes on; step is the number of steps taken so far.
  virtual int choose_thread(std::span<const Candidate> candidates, int step);

  // Whether the last execution could not follow the choices asked of it: the code under test does
  // not do the same thing twice.
  virtual bool diverged() const noexcept { return false; }

  // The choices of the execution so far.
  virtual std::vector<std::uint8_t> choices() const = 0;

  // The seed of the execution, 0 when it has none.
  virtual std::uint64_t seed() const noexcept { return 0; }
};

// Every execution, depth first: each one repeats the choices of the one before up to the last that
// has an option left, and takes that option.
class ExhaustiveChooser final : public Chooser {
 public:
  bool next_execution() override;
  int choose(int options, Choice kind) override;
  bool diverged() const noexcept override { return diverged_; }
  std::vector<std::uint8_t> choices() const override;

 private:
  struct Node {
    std::uint8_t chosen;
    std::uint8_t options;
  };
  std::vector<Node> path_;
  std::size_t depth_ = 0;
  bool begun_ = false;
  bool diverged_ = false;
};

// Random choices; every execution has a seed of its own, from which it can be repeated.
class RandomChooser : public Chooser {
 public:
  RandomChooser(std::uint64_t first_seed, std::uint64_t executions) noexcept
      : next_seed_(first_seed), left_(executions) {}
  bool next_execution() override;
  int choose(int options, Choice kind) override;
  std::vector<std::uint8_t> choices() const override { return choices_; }
  std::uint64_t seed() const noexcept override { return seed_; }

 protected:
  std::uint64_t random() noexcept;  // 64 bits
  int random_below(int bound) noexcept;
  int record(int chosen);

 private:
  std::uint64_t next_seed_;
  std::uint64_t left_;
  std::uint64_t seed_ = 0;
  std::uint64_t state_ = 0;
  std::vector<std::uint8_t> choices_;
};

// Probabilistic concurrency testing: the thread with the highest priority runs, and at each of a
// few random steps the running thread falls below all others.
class PctChooser final : public RandomChooser {
 public:
  PctChooser(std::uint64_t first_seed, std::uint64_t executions, int changes)
      : RandomChooser(first_seed, executions), changes_(static_cast<std::size_t>(changes)) {}
  bool next_execution() override;
  int choose_thread(std::span<const Candidate> candidates, int step) override;

 private:
  std::array<std::int64_t, max_threads> priorities_{};
  std::vector<int> changes_;  // the steps at which a priority falls
  int longest_ = 8;           // the most steps that an execution has taken
  int last_step_ = 0;
};

// The choices of an earlier execution again, and option 0 after their end.
class ReplayChooser final : public Chooser {
 public:
  explicit ReplayChooser(std::vector<std::uint8_t> choices) : choices_(std::move(choices)) {}
  bool next_execution() override;
  int choose(int options, Choice kind) override;
  bool diverged() const noexcept override { return diverged_; }
  std::vector<std::uint8_t> choices() const override { return choices_; }

 private:
  std::vector<std::uint8_t> choices_;
  std::size_t position_ = 0;
  bool begun_ = false;
  bool diverged_ = false;
};

std::unique_ptr<Chooser> make_chooser(const Options& options);

// Choices as a short text and back: one letter of 0-9a-v each, a run of zeros as its length in
// brackets, no zeros at the end. Parsing raises std::invalid_argument.
std::string text_of(std::span<const std::uint8_t> choices);
std::vector<std::uint8_t> parse_choices(std::string_view text);

}  // namespace model
