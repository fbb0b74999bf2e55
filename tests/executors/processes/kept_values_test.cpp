// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a task of a process pool keeps, in its worker and in the program, and for how long.

#include "executors/processes/support.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/pickle.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::FileDescriptor;
using coeval::Future;
using coeval::ProcessPoolExecutor;

// Counts how many of it live in its process.
class Counted {
 public:
  Counted() { ++living; }
  Counted(const Counted& /*other*/) { ++living; }
  Counted(Counted&& /*other*/) noexcept { ++living; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --living; }

  void save(coeval::pickle::OutputArchive& archive) const { archive(1); }
  static Counted load(coeval::pickle::InputArchive& archive) {
    static_cast<void>(archive.read<int>());
    return {};
  }

  static inline std::atomic<int> living = 0;
};

int living_now() {
  return Counted::living;
}
Counted take_and_give(const Counted& /*argument*/) {
  return {};
}
void take_and_raise(const Counted& /*argument*/) {
  throw std::runtime_error("no");
}

TEST(ProcessLifetime, a_worker_keeps_no_argument_and_no_result) {
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int round = 0; round < 20; ++round) {
    const auto given = pool.submit(take_and_give, Counted());
    const auto raised = pool.submit(take_and_raise, Counted());
    EXPECT_EQ(pool.submit(living_now).result(), 0);
    static_cast<void>(given.result());
    EXPECT_THROW(raised.result(), std::runtime_error);
  }
}

TEST(ProcessLifetime, the_program_keeps_no_argument_and_a_result_as_long_as_its_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  auto future = pool.submit(take_and_give, Counted());
  EXPECT_EQ(Counted::living, 0);
  coeval::wait(std::vector{future});
  EXPECT_EQ(Counted::living, 1);
  future = Future<Counted>();
  until([] { return Counted::living == 0; });  // who has ended it lets go of it a moment later
}

TEST(ProcessLifetime, results_of_map_are_kept_until_they_are_passed) {
  ProcessPoolExecutor pool({.max_workers = 1});
  for (const Counted& result : pool.map(take_and_give, std::vector<Counted>(100))) {
    static_cast<void>(result);
  }
  until([] { return Counted::living == 0; });
}

// The reading end of a pipe sees its end when nobody has the writing end any more.
TEST(ProcessLifetime, descriptors_are_closed_on_both_sides_when_the_task_has_ended) {
  ProcessPoolExecutor pool({.max_workers = 1});
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor reading(ends[0]);
  const auto future =
      pool.submit([](const FileDescriptor& end) { return ::write(end.get(), "x", 1); },
                  FileDescriptor(ends[1]));
  EXPECT_EQ(future.result(), 1);
  char letter = 0;
  EXPECT_EQ(::read(reading.get(), &letter, 1), 1);
  EXPECT_EQ(::read(reading.get(), &letter, 1), 0);
}

TEST(ProcessLifetime, the_descriptors_of_a_cancelled_task_are_closed) {
  ProcessPoolExecutor pool({.max_workers = 1});
  CrossProcessGate gate;
  const auto hold = [](const Ticket& ticket) { ticket.pass(); };
  const auto occupied = pool.submit(hold, gate.ticket());
  gate.wait_for_arrivals(1);
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor reading(ends[0]);
  const auto future = pool.submit([](const FileDescriptor&) {}, FileDescriptor(ends[1]));
  EXPECT_TRUE(future.cancel());
  gate.open();
  occupied.result();
  pool.shutdown();
  char letter = 0;
  EXPECT_EQ(::read(reading.get(), &letter, 1), 0);
}

}  // namespace
}  // namespace process_pool_test
