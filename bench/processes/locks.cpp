// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Lock, Semaphore and Event: taken and given back, alone and against another process; and the way
// from one who waits to the next.

#include "peers/interprocess.hpp"
#include "processes/forked.hpp"
#include "processes/rows.hpp"
#include "support/clock.hpp"

#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/semaphore.hpp>

#include <list>

namespace bench {
namespace {

namespace mp = coeval::multiprocessing;

template <class Lock>
void take_and_give(Lock& lock, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    lock.lock();
    lock.unlock();
  }
}

template <class Lock>
double uncontended(Lock& lock, std::size_t count) {
  return ns_per_item(count, 1, [&] { take_and_give(lock, count); });
}

// ---- two processes that want the same -----------------------------------------------------------

void contend(mp::Connection starter, mp::Lock lock, std::size_t count) {
  Member member(starter);
  member.begin();
  take_and_give(lock, count);
  member.end();
}

double contended(std::size_t count) {
  const mp::Lock lock;
  std::vector<mp::Process> processes;
  std::vector<mp::Connection> members;
  for (int i = 0; i < 2; ++i) {
    auto [ours, theirs] = mp::Pipe();
    processes.emplace_back(contend, std::move(theirs), lock, count);
    processes.back().start();
    members.push_back(std::move(ours));
  }
  return together_ns(members) / static_cast<double>(2 * count);
}

template <class RivalLock>
double rival_contended(std::size_t count) {
  const Shared<RivalLock> lock;
  std::list<Forked> children;
  std::vector<mp::Connection> members;
  for (int i = 0; i < 2; ++i) {
    auto [ours, theirs] = mp::Pipe();
    children.emplace_back([&, &starter = theirs] {
      Member member(starter);
      member.begin();
      take_and_give(*lock, count);
      member.end();
    });
    members.push_back(std::move(ours));
  }
  return together_ns(members) / static_cast<double>(2 * count);
}

template <class RivalLock, class... Args>
double rival_uncontended(std::size_t count, Args... args) {
  const Shared<RivalLock> lock(args...);
  return uncontended(*lock, count);
}

// ---- one wakes the other, and is woken ----------------------------------------------------------

// The other side of both rows is a daemon, which ends with the sample.
void answer_semaphore(mp::Semaphore there, mp::Semaphore back) {
  while (true) {
    there.acquire();
    back.release();
  }
}
void answer_event(mp::Event there, mp::Event back) {
  while (true) {
    there.wait();
    there.clear();
    back.set();
  }
}

double semaphore_round_trip(std::size_t count) {
  const mp::Semaphore there(0);
  const mp::Semaphore back(0);
  mp::Process process({.daemon = true}, answer_semaphore, there, back);
  process.start();
  return median_us(count, [&] {
    there.release();
    back.acquire();
  });
}

double event_round_trip(std::size_t count) {
  const mp::Event there;
  const mp::Event back;
  mp::Process process({.daemon = true}, answer_event, there, back);
  process.start();
  return median_us(count, [&] {
    there.set();
    back.wait();
    back.clear();
  });
}

template <class RivalSemaphore>
double rival_round_trip(std::size_t count) {
  const Shared<RivalSemaphore> there(0U);
  const Shared<RivalSemaphore> back(0U);
  const Forked child([&] {
    while (true) {
      there->lock();
      back->unlock();
    }
  });
  return median_us(count, [&] {
    there->unlock();
    back->lock();
  });
}

// ---- the rows -----------------------------------------------------------------------------------

Contestant contestant(const char* name, std::function<double()> measure) {
  return {.name = name, .measure = std::move(measure)};
}

Row lock_row(std::size_t count) {
  Row row{.name = "processes/lock", .unit = "ns"};
  row.contestants = {
      contestant("coeval",
                 [=] {
                   const mp::Lock lock;
                   return uncontended(lock, count);
                 }),
      contestant("pthread", [=] { return rival_uncontended<PosixMutex<false>>(count); }),
      contestant("pthread robust", [=] { return rival_uncontended<PosixMutex<true>>(count); }),
#if COEVAL_BENCH_HAS_INTERPROCESS
      contestant("Boost", [=] { return rival_uncontended<BoostMutex>(count); }),
#else
                     no_boost(),
#endif
      cpython("lock", count / 10)};
  return row;
}

Row contended_row(std::size_t count) {
  Row row{.name = "processes/lock_contended", .unit = "ns"};
  row.contestants = {
      contestant("coeval", [=] { return contended(count); }),
      contestant("pthread", [=] { return rival_contended<PosixMutex<false>>(count); }),
      contestant("pthread robust", [=] { return rival_contended<PosixMutex<true>>(count); }),
#if COEVAL_BENCH_HAS_INTERPROCESS
      contestant("Boost", [=] { return rival_contended<BoostMutex>(count); }),
#else
                     no_boost(),
#endif
      cpython("lock_contended", count / 10)};
  return row;
}

Row semaphore_row(std::size_t count) {
  Row row{.name = "processes/semaphore", .unit = "ns"};
  row.contestants = {
      contestant("coeval",
                 [=] {
                   const mp::Semaphore semaphore(1);
                   return uncontended(semaphore, count);
                 }),
      contestant("POSIX sem", [=] { return rival_uncontended<PosixSemaphore>(count, 1U); }),
#if COEVAL_BENCH_HAS_INTERPROCESS
      contestant("Boost", [=] { return rival_uncontended<BoostSemaphore>(count, 1U); }),
#else
                     no_boost(),
#endif
      cpython("semaphore", count / 10)};
  return row;
}

Row semaphore_round_trip_row(std::size_t count) {
  Row row{.name = "processes/semaphore_round_trip", .unit = "us"};
  row.contestants = {
      contestant("coeval", [=] { return semaphore_round_trip(count); }),
      contestant("POSIX sem", [=] { return rival_round_trip<PosixSemaphore>(count); }),
#if COEVAL_BENCH_HAS_INTERPROCESS
      contestant("Boost", [=] { return rival_round_trip<BoostSemaphore>(count); }),
#else
                     no_boost(),
#endif
      cpython("semaphore_round_trip", count)};
  return row;
}

}  // namespace

std::vector<Row> lock_rows(const Settings& settings) {
  const std::size_t trips = settings.count(10'000);
  Row event{.name = "processes/event_round_trip", .unit = "us"};
  event.contestants = {contestant("coeval", [=] { return event_round_trip(trips); }),
                       cpython("event_round_trip", trips)};
  return {lock_row(settings.count(2'000'000)), contended_row(settings.count(500'000)),
          semaphore_row(settings.count(2'000'000)), semaphore_round_trip_row(trips), event};
}

}  // namespace bench
