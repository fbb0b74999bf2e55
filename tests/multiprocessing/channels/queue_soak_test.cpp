// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Readers and writers of a queue are killed at any moment: each costs at most the value in its
// hands, and the others go on.

#include "support/watchdog.hpp"

#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;

// COEVAL_KILLS sets another number.
int wanted_kills() {
  const char* const given = std::getenv("COEVAL_KILLS");
  return given == nullptr ? 1000 : std::atoi(given);
}

// The n-th value of a writer, and something to copy that tells whether all of it came.
struct Item {
  int writer = 0;
  int number = 0;
  std::vector<int> body;
};

std::vector<int> body_of(int writer, int number) {
  return std::vector<int>(static_cast<std::size_t>(number % 50), writer ^ number);
}

void write_for_ever(Queue<Item> queue, int writer) {
  for (int number = 0;; ++number) {
    queue.put({.writer = writer, .number = number, .body = body_of(writer, number)});
  }
}
void pass_on_for_ever(Queue<Item> from, Queue<Item> to) {
  while (true) {
    to.put(from.get());
  }
}

// What has come of each writer.
class Ledger {
 public:
  int new_writer() {
    came_.emplace_back();
    return static_cast<int>(came_.size()) - 1;
  }
  void note(const Item& item) {
    std::vector<bool>& came = came_.at(static_cast<std::size_t>(item.writer));
    const auto number = static_cast<std::size_t>(item.number);
    came.resize(std::max(came.size(), number + 1));
    const bool is_right = !came[number] && item.body == body_of(item.writer, item.number);
    EXPECT_TRUE(is_right) << "doubled or damaged: " << item.writer << ' ' << item.number;
    came[number] = true;
    ++items_;
    wrong_ += is_right ? 0 : 1;
  }
  std::size_t items() const { return items_; }
  std::size_t wrong() const { return wrong_; }
  // A writer puts one number after the other, so what is missing between them was lost.
  std::ptrdiff_t lost() const {
    std::ptrdiff_t lost = 0;
    for (const std::vector<bool>& came : came_) {
      lost += std::count(came.begin(), came.end(), false);
    }
    return lost;
  }

 private:
  std::vector<std::vector<bool>> came_;
  std::size_t items_ = 0;
  std::size_t wrong_ = 0;
};

TEST(QueueSoak, killed_readers_and_writers_cost_one_value_each_at_most) {
  const Queue<Item> first(20);
  const Queue<Item> second(20);
  Ledger ledger;
  std::mt19937 random(20'250'101);
  std::array<Process, 2> writers;
  std::array<Process, 2> readers;
  const auto start_writer = [&](Process& process) {
    process = Process(write_for_ever, first, ledger.new_writer());
    process.start();
  };
  const auto start_reader = [&](Process& process) {
    process = Process(pass_on_for_ever, first, second);
    process.start();
  };
  std::ranges::for_each(writers, start_writer);
  std::ranges::for_each(readers, start_reader);
  const auto end = [](Process& process) {
    process.kill();
    process.join();
  };

  int killed_readers = 0;
  for (int kill = 0; kill < wanted_kills(); ++kill) {
    support::feed_watchdogs();
    for (unsigned more = random() % 100; more > 0; --more) {
      ledger.note(second.get());
    }
    if (random() % 2 == 0) {
      Process& writer = writers[random() % writers.size()];
      end(writer);
      start_writer(writer);
    } else {
      Process& reader = readers[random() % readers.size()];
      end(reader);
      start_reader(reader);
      ++killed_readers;
    }
  }

  // The writers first; then the readers pass on what is left.
  std::ranges::for_each(writers, end);
  while (!first.empty()) {
    ledger.note(second.get());
  }
  std::ranges::for_each(readers, end);
  killed_readers += static_cast<int>(readers.size());
  while (const auto item = second.try_get()) {
    ledger.note(*item);
  }
  EXPECT_LE(ledger.lost(), killed_readers);
  std::cout << "readers and writers killed: " << wanted_kills()
            << ", hangs: 0, values that came: " << ledger.items()
            << ", doubled or damaged: " << ledger.wrong() << ", lost in the hands of "
            << killed_readers << " killed readers: " << ledger.lost() << '\n';
}

}  // namespace
}  // namespace coeval::multiprocessing
