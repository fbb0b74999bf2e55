// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One thread of those that give a pool work: rounds of tasks of all kinds, some cancelled, awaited in
// all orders.

#include "soak/mixture.hpp"

#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/futures/wait.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ranges>
#include <unordered_map>
#include <utility>
#include <vector>

namespace soak {

// Where the tasks of a world are counted: shared by its submitters.
struct Books {
  const Runs& runs;
  Landings& landings;
  Killer& killer;
  Ledger& ledger;
};

template <class Pool>
class Submitter {
 public:
  // Its tasks have the slots first … end - 1.
  Submitter(Pool& pool, Character character, const Books& books, Dice dice, std::size_t first,
            std::size_t end)
      : pool_(pool),
        character_(character),
        books_(books),
        dice_(dice),
        mixture_(pool, character, books.landings, books.ledger, dice_),
        lands_one_in_(1 + dice_.below(12)),
        next_(first),
        end_(end) {}

  void run() {
    while (next_ < end_) {
      if (dice_.one_in(8)) {
        read_a_map();
      } else {
        submit_some();
        land_some();
      }
    }
    land_all();
  }

 private:
  std::size_t left() const { return end_ - next_; }
  TaskId next_id() { return dice_.number() << 32U | next_++; }

  void submit_some() {
    const std::size_t count = std::min(left(), 1 + dice_.size_up_to(120));
    for (std::size_t i = 0; i < count; ++i) {
      books_.ledger.submitted(1);
      if (auto flight = mixture_.submit(next_id())) {
        flying_.push_back(std::move(*flight));
      } else {
        books_.ledger.ended(End::refused);
      }
      if (!flying_.empty() && dice_.one_in(16)) {
        cancel(flying_[dice_.below(flying_.size())]);
      }
      if (!flying_.empty() && dice_.one_in(lands_one_in_)) {
        land(dice_.below(flying_.size()));
      }
    }
  }

  void cancel(Flight& flight) {
    Expectation& expected = flight.expected;
    if (!expected.can_be_cancelled) {
      return;
    }
    if (dice_.one_in(4)) {
      expected.was_stopped = true;
      flight.future.stop();
    } else if (flight.future.cancel() && !expected.was_stopped) {
      expected.was_cancelled = true;
    }
  }

  // ---- waiting

  void land_some() {
    switch (dice_.below(6)) {
      case 0:
        return land_all();
      case 1:
        std::ranges::reverse(flying_);
        return land_all();
      case 2:
        return land_as_completed();
      case 3:
        return land_the_first_completed();
      case 4:
        return land_by_looking();
      default:
        for (std::size_t rest = flying_.size() / 3; flying_.size() > rest;) {
          land(dice_.below(flying_.size()));
        }
    }
  }

  void land(std::size_t i) {
    std::swap(flying_[i], flying_.back());
    books_.landings.land(flying_.back(), books_.runs, books_.killer, books_.ledger);
    flying_.pop_back();
  }
  void land_all() {
    while (!flying_.empty()) {
      land(flying_.size() - 1);
    }
  }

  std::vector<coeval::AnyFuture> futures() const {
    std::vector<coeval::AnyFuture> all;
    for (const Flight& flight : flying_) {
      all.push_back(flight.future);
    }
    return all;
  }
  void land(const coeval::AnyFuture& future) {
    const auto found = std::ranges::find(flying_, future, &Flight::future);
    land(static_cast<std::size_t>(found - flying_.begin()));
  }
  void land_as_completed() {
    for (const coeval::AnyFuture& future : coeval::as_completed(futures())) {
      land(future);
    }
  }
  void land_the_first_completed() {
    for (std::uint64_t times = dice_.below(10); times > 0 && !flying_.empty(); --times) {
      for (const auto& future : coeval::wait(futures(), coeval::ReturnWhen::first_completed).done) {
        land(future);
      }
    }
  }
  // Those that are done, or are so within a moment.
  void land_by_looking() {
    for (std::size_t i = flying_.size(); i-- > 0;) {
      const coeval::AnyFuture future = flying_[i].future;
      if (dice_.one_in(2) ? future.done() : future.wait(std::chrono::microseconds(100))) {
        land(i);
      }
    }
  }

  // ---- maps

  void read_a_map() {
    const std::size_t count = std::min(left(), 1 + dice_.size_up_to(600));
    coeval::MapOptions options;
    options.chunksize = 1 + dice_.size_up_to(100);
    options.eager = dice_.one_in(4);
    options.buffersize = dice_.one_in(4) ? 1 + dice_.size_up_to(100) : 0;
    std::vector<TaskId> ids(count);
    std::ranges::generate(ids, [this] { return next_id(); });
    books_.ledger.submitted(static_cast<long>(count));
    if (dice_.one_in(2)) {
      read_numbers(options, ids);
    } else {
      read_bytes(options, ids);
    }
  }

  void read_numbers(const coeval::MapOptions& options, const std::vector<TaskId>& ids) {
    auto results = map(options, element, ids);
    read(results, ids, element_raises, [](TaskId id, std::uint64_t result) -> std::string {
      return result == mixed(id) ? "" : "another element's result";
    });
  }
  void read_bytes(const coeval::MapOptions& options, const std::vector<TaskId>& ids) {
    std::vector<Bytes> elements;
    for (const TaskId id : ids) {
      elements.push_back(bytes_of(id, sizeof id + dice_.mixed_size() / 8));
      std::memcpy(elements.back().data(), &id, sizeof id);
    }
    auto results = map(options, read_element, elements);
    std::size_t place = 0;
    read(results, ids, raises_nothing, [&](TaskId id, const Answer& answer) {
      while (ids[place] != id) {
        ++place;
      }
      return fault_of(answer, id, checksum(elements[place]), 0);
    });
  }

  static bool raises_nothing(TaskId) { return false; }

  template <class F, class Elements>
  auto map(const coeval::MapOptions& options, F f, const Elements& elements) {
    again_ = dice_.one_in(5);
    return again_ ? pool_.with({.max_retries = 1'000'000}).map(options, f, elements)
                  : pool_.map(options, f, elements);
  }

  // Reads the results; sometimes not to the end.
  template <class Results, class Check>
  void read(Results& results, const std::vector<TaskId>& ids, bool (*raises)(TaskId), Check check) {
    const std::size_t read_to = dice_.one_in(8) ? dice_.below(ids.size()) : ids.size();
    auto result = results.begin();
    std::size_t place = 0;
    for (; place < read_to && result != results.end(); ++place, ++result) {
      Flight flight;
      flight.id = ids[place];
      flight.kind = "an element";
      flight.expected.may_run_again = again_;
      flight.expected.may_be_refused = character_.is_bounded;
      if (raises(flight.id)) {
        flight.expected.act = Expectation::Act::raises;
        flight.expected.text = error_text(flight.id);
      }
      flight.fault_of_result = [&] { return check(ids[place], *result); };
      books_.landings.land(flight, books_.runs, books_.killer, books_.ledger);
    }
    results.cancel();
    for (; place < ids.size(); ++place) {
      books_.landings.drop(ids[place], books_.ledger);
    }
  }

  Pool& pool_;
  const Character character_;
  const Books books_;
  Dice dice_;
  Mixture<Pool> mixture_;
  const std::uint64_t lands_one_in_;  // while it submits
  std::size_t next_;
  const std::size_t end_;
  std::vector<Flight> flying_;
  bool again_ = false;  // the map's elements may run more than once
};

}  // namespace soak
