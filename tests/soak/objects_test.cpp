// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A soak of all kinds of shared objects at once, by processes that are killed and stopped.

#include "soak/objects.hpp"
#include "soak/killer.hpp"
#include "soak/leaks.hpp"
#include "soak/ledger.hpp"
#include "soak/plan.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <signal.h>

#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

namespace soak {
namespace {

using namespace std::chrono_literals;

void live_with(Objects objects, std::uint64_t seed) {
  Dice dice(seed);
  while (objects.get(Count::is_ending) == 0) {
    objects.step(dice);
  }
}

// Processes that live with the objects; who is killed is replaced.
class People {
 public:
  People(Objects& objects, Dice dice, Ledger& ledger)
      : objects_(objects), dice_(dice), ledger_(ledger) {
    for (mp::Process& one : all_) {
      start(one);
    }
  }

  // Those who have died, since the last time.
  void replace_dead() {
    for (mp::Process& one : all_) {
      if (!one.is_alive()) {
        if (one.exitcode() != -SIGKILL) {
          ledger_.found(Fault::unexpected, "a process ended with the exit code " +
                                               std::to_string(one.exitcode().value_or(0)));
        }
        ++deaths_;
        start(one);
      }
    }
  }

  void end() {
    objects_.add(Count::is_ending);
    for (mp::Process& one : all_) {
      one.join();
      deaths_ += one.exitcode() == -SIGKILL ? 1 : 0;
      if (one.exitcode() != 0 && one.exitcode() != -SIGKILL) {
        ledger_.found(Fault::unexpected, "a process ended with an exit code of its own");
      }
    }
  }
  std::int64_t deaths() const { return deaths_; }

 private:
  void start(mp::Process& one) {
    one = mp::Process(live_with, objects_, dice_.number());
    one.start();
  }

  Objects& objects_;
  Dice dice_;
  Ledger& ledger_;
  std::array<mp::Process, 4> all_;
  std::int64_t deaths_ = 0;
};

// Finds what the objects and the counts do not agree in.
class Audit {
 public:
  Audit(Objects& objects, std::int64_t deaths, Ledger& ledger)
      : objects_(objects), deaths_(deaths), ledger_(ledger) {}

  void run() {
    objects_.drain();
    none(Count::wrong, Fault::wrong, "protected data was half changed, and nobody was told");
    none(Count::doubled, Fault::doubled, "a message came twice");
    done_not_counted(value_of(objects_.value.get_lock(), objects_.value.get_obj().first),
                     Count::value_updates, "updates of the Value");
    done_not_counted(value_of(objects_.array.get_lock(), objects_.array.get_obj()[0]),
                     Count::array_updates, "updates of the Array");
    done_not_counted(value_of(objects_.lock, objects_.twins[0].first), Count::lock_updates,
                     "updates under the Lock");
    done_not_counted(value_of(objects_.rlock, objects_.twins[1].first), Count::rlock_updates,
                     "updates under the RLock");
    about_equal(Count::first_place, Count::second_place, "places at the Barrier");
    about_equal(Count::queue_sent, Count::queue_received, "messages through the Queue");
    about_equal(Count::pipe_sent, Count::pipe_received, "messages through the Pipe");
    check_permits();
    check_room();
  }

 private:
  void none(Count count, Fault fault, const char* what) {
    for (std::int64_t n = objects_.get(count); n > 0; --n) {
      ledger_.found(fault, what);
    }
  }
  // Each death hides one step at the most.
  void done_not_counted(std::int64_t done, Count count, const char* what) {
    const std::int64_t counted = objects_.get(count);
    if (done < counted || done > counted + deaths_) {
      found(what, done, counted);
    }
  }
  void about_equal(Count one, Count other, const char* what) {
    const std::int64_t difference = objects_.get(one) - objects_.get(other);
    if (difference > deaths_ || -difference > deaths_) {
      found(what, objects_.get(one), objects_.get(other));
    }
  }
  void found(const char* what, std::int64_t one, std::int64_t other) {
    ledger_.found(Fault::lost, std::string(what) + ": " + std::to_string(one) + " and " +
                                   std::to_string(other) + ", with " + std::to_string(deaths_) +
                                   " deaths");
  }

  template <class L>
  static std::int64_t value_of(const L& lock, const std::int64_t& number) {
    lock.acquire_or_repair([] {});
    const std::int64_t value = number;
    lock.release();
    return value;
  }

  // The permits of the dead are found by who waits.
  void check_permits() {
    int permits = 0;
    for (bool more = true; more;) {
      try {
        more = objects_.semaphore.acquire(300ms);
        permits += more ? 1 : 0;
      } catch (const coeval::OwnerDied&) {
      }
    }
    if (permits != Objects::permits) {
      found("permits", permits, Objects::permits);
    }
  }
  void check_room() {
    objects_.room_lock.acquire_or_repair(
        [this] { objects_.room[0] = objects_.room[1] - objects_.room[2]; });
    if (objects_.room[0] != objects_.room[1] - objects_.room[2]) {
      found("who is in the room of the Condition", objects_.room[0],
            objects_.room[1] - objects_.room[2]);
    }
    objects_.room_lock.release();
  }

  Objects& objects_;
  const std::int64_t deaths_;
  Ledger& ledger_;
};

void live_with_objects(Dice dice, long steps, Killer& killer, Ledger& ledger) {
  Objects objects = Objects::make();
  People people(objects, dice, ledger);
  for (std::int64_t seen = 0; seen < steps;) {
    const std::int64_t now = objects.get(Count::steps);
    if (now != seen) {
      ledger.submitted(now - seen);
      ledger.ended(End::returned, now - seen);
      killer.note_results(now - seen);
      seen = now;
    }
    people.replace_dead();
    std::this_thread::sleep_for(1ms);
  }
  people.end();
  Audit(objects, people.deaths(), ledger).run();
}

void soak_objects(const char* name, const Plan& plan) {
  std::cout << name << ": " << how_to_replay(plan) << '\n';
  Ledger ledger(name, plan.is_long);
  {
    Ledger warm_up("what is made once", false);
    Killer nobody(0, 0, 0, warm_up);
    live_with_objects(Dice(1), 100, nobody, warm_up);
  }
  const Leaks leaks;
  {
    Killer killer(plan.seed, plan.kills, plan.kills == 0 ? 0 : plan.tasks / 2 / plan.kills, ledger);
    constexpr long at_once = 20'000;
    for (long done = 0; done < plan.tasks; done += at_once) {
      live_with_objects(plan.dice(static_cast<std::uint64_t>(done)),
                        std::min(at_once, plan.tasks - done), killer, ledger);
    }
  }
  ledger.close();
  leaks.find(ledger);
  std::cout << ledger.summary() << ", 0 hung\n";
  EXPECT_EQ(ledger.faults(), 0) << ledger.first_faults() << "\nagain: " << how_to_replay(plan);
}

TEST(MixedLife, of_shared_objects_loses_nothing) {
  soak_objects("shared objects", Plan::from_environment({1, 0}, 20'000, 0));
}

TEST(MixedLife, of_shared_objects_loses_one_step_at_the_most_with_each_kill) {
  soak_objects("shared objects and kills", Plan::from_environment({1, 5}, 20'000, 60));
}

}  // namespace
}  // namespace soak
