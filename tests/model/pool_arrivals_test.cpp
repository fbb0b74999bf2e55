// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Arrivals in every schedule: each cell that is done is taken once, the reader wakes, and what is left when
// it closes goes with the last of those who tell.

#include "model/model.hpp"

#include <coeval/futures/promise.hpp>
#include <coeval/multiprocessing/detail/pool_arrivals.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using coeval::Deadline;
using coeval::Future;
using coeval::Promise;
using coeval::multiprocessing::detail::Arrival;
using coeval::multiprocessing::detail::Arrivals;
using namespace std::chrono_literals;

struct Place final : Arrival {
  void run(coeval::detail::Cell& settled) noexcept override {
    told.write(1);
    Arrival::run(settled);
  }

  Future<int> future;
  model::var<int> told{0, "told"};  // belongs to whoever has the place
};

struct Places final : Arrivals {
  Places(int& ends, Order order) noexcept : Arrivals(order), ended(&ends) {}
  ~Places() override {
    for (Place& place : all) {
      place.told.write(0);
    }
    ++*ended;
  }

  std::array<Place, 3> all;
  int* const ended;
};

// Promises whose futures are watched, each kept by who fulfils it.
struct Watched {
  explicit Watched(std::size_t count, Arrivals::Order order = Arrivals::Order::as_done)
      : promises(count), places(new Places(ended, order)) {
    for (std::size_t i = 0; i < count; ++i) {
      promises[i] = std::make_unique<Promise<int>>();
      places->all[i].future = promises[i]->future();
    }
  }
  void watch(std::size_t i) { places->watch(*places->all[i].future.get_cell(), places->all[i]); }
  void fulfil(std::size_t i) {
    made[i]->write(1);
    promises[i]->set_result(static_cast<int>(i));
  }
  // The number of the next one, whose place is free then; -1: none in time.
  int take(Deadline deadline) {
    auto* const place = static_cast<Place*>(places->wait(deadline, false));
    if (place == nullptr) {
      return -1;
    }
    place->told.write(0);
    const int number = std::exchange(place->future, Future<int>()).result();
    model::check(made[static_cast<std::size_t>(number)]->read() == 1, "what was made before");
    return number;
  }
  void close() {
    places->stop();
    for (Place& place : places->all) {
      place.future = Future<int>();
    }
    std::exchange(places, nullptr)->close();
  }

  int ended = 0;
  std::vector<std::unique_ptr<Promise<int>>> promises;
  std::array<std::unique_ptr<model::var<int>>, 3> made{
      std::make_unique<model::var<int>>(0, "first"), std::make_unique<model::var<int>>(0, "second"),
      std::make_unique<model::var<int>>(0, "third")};
  Places* places;
};

void explore(const char* name, int preemptions,
             const std::function<void(model::Execution&)>& body) {
  for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
    const model::Result r = model::explore(
        {.name = name, .memory = memory, .preemptions = preemptions, .spurious = 1}, body);
    EXPECT_TRUE(r.ok()) << r.report();
    EXPECT_TRUE(r.complete) << r.summary;
    std::cout << r.summary << '\n';
  }
}

TEST(ArrivalsModel, each_is_taken_once_and_then_the_rest_is_deleted) {
  explore("arrivals_take", 2, [](model::Execution& x) {
    Watched watched(2);
    x.thread("first", [&] { watched.fulfil(0); });
    x.thread("second", [&] { watched.fulfil(1); });
    watched.watch(0);
    watched.watch(1);
    model::check(watched.take(coeval::never) + watched.take(coeval::never) == 1, "each once");
    model::check(watched.places->outstanding() == 0, "none is left");
    watched.close();
    model::check(watched.ended == 1, "it is deleted");
    x.run();
  });
}

TEST(ArrivalsModel, who_is_done_first_is_taken_first) {
  explore("arrivals_order", 2, [](model::Execution& x) {
    Watched watched(2);
    watched.watch(0);
    watched.watch(1);
    x.thread("both", [&] {
      watched.fulfil(1);
      watched.fulfil(0);
    });
    model::check(watched.take(coeval::never) == 1 && watched.take(coeval::never) == 0,
                 "in the order in which they were done");
    watched.close();
    x.run();
  });
}

TEST(ArrivalsModel, who_was_watched_first_is_taken_first_where_that_is_the_order) {
  explore("arrivals_as_watched", 1, [](model::Execution& x) {
    Watched watched(3, Arrivals::Order::as_watched);
    watched.watch(0);
    watched.watch(1);
    watched.watch(2);
    x.thread("two", [&] {
      watched.fulfil(2);
      watched.fulfil(0);
    });
    x.thread("one", [&] { watched.fulfil(1); });
    model::check(watched.take(coeval::never) == 0, "the first");
    model::check(watched.take(coeval::never) == 1, "the second");
    watched.close();  // with the third one fetched, or not
    x.run();
    model::check(watched.ended == 1, "it is deleted");
  });
}

TEST(ArrivalsModel, those_that_are_done_in_order_are_taken_in_order) {
  explore("arrivals_in_order", 2, [](model::Execution& x) {
    Watched watched(2);
    x.thread("both", [&] {
      watched.fulfil(0);
      watched.fulfil(1);
    });
    watched.watch(0);
    watched.watch(1);
    model::check(watched.take(coeval::never) == 0 && watched.take(coeval::never) == 1,
                 "whenever they were watched");
    watched.close();
    x.run();
  });
}

TEST(ArrivalsModel, a_timeout_loses_nothing) {
  explore("arrivals_timeout", 2, [](model::Execution& x) {
    Watched watched(1);
    x.thread("producer", [&] { watched.fulfil(0); });
    watched.watch(0);
    if (watched.take(1s) < 0) {
      model::check(watched.take(coeval::never) == 0, "it comes later");
    }
    watched.close();
    model::check(watched.ended == 1, "it is deleted");
    x.run();
  });
}

TEST(ArrivalsModel, a_place_is_used_again) {
  explore("arrivals_again", 2, [](model::Execution& x) {
    Watched watched(2);
    x.thread("first", [&] { watched.fulfil(0); });
    x.thread("second", [&] { watched.fulfil(1); });
    watched.watch(0);
    model::check(watched.take(coeval::never) == 0, "the first");
    watched.places->all[0].future = std::move(watched.places->all[1].future);
    watched.watch(0);
    model::check(watched.take(coeval::never) == 1, "the second");
    watched.close();
    model::check(watched.ended == 1, "it is deleted");
    x.run();
  });
}

TEST(ArrivalsModel, the_last_one_deletes_what_was_closed) {
  for (const int taken : {0, 1}) {
    const std::string name = "arrivals_close_" + std::to_string(taken);
    explore(name.c_str(), 2, [taken](model::Execution& x) {
      Watched watched(3);
      // As by the pool: the cells are settled whatever the reader does.
      for (std::size_t i = 0; i < 3; ++i) {
        watched.promises[i]->set_running_or_notify_cancel();
        watched.watch(i);
      }
      watched.fulfil(2);
      x.thread("first", [&] { watched.fulfil(0); });
      x.thread("second", [&] { watched.fulfil(1); });
      if (taken == 1) {
        watched.take(coeval::never);
      }
      watched.close();
      x.run();
      model::check(watched.ended == 1, "it was deleted, once");
    });
  }
}

}  // namespace
