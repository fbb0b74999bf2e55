// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The scheduler: runs one execution after the other, one fiber at a time, and asks a Chooser who
// goes on at each scheduling point.

#include "model/locals.hpp"
#include "model/memory.hpp"
#include "model/options.hpp"
#include "model/search.hpp"
#include "model/trace.hpp"

#include <coeval/core/function.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

namespace model {

// Runs executions. One at a time, on one thread of the program.
//
// A decision gives a thread the right to one operation: it is made before each operation of the
// running thread, and when that thread waits or ends. What a thread does between two operations
// needs no decision, because nobody else can see it (var<T> detects where that is not true). So
// there are exactly as many executions as there are orders of the operations.
class Scheduler {
 public:
  Scheduler(const Options& options, int preemptions);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // One execution; true when nothing was wrong with it. With a trace, each step is written down.
  bool execute(const std::function<void()>& body, Chooser& chooser, Trace* trace);

  const std::string& failure() const noexcept { return failure_; }
  int steps() const noexcept { return steps_; }

  // ---- called from the fibers of the execution that runs

  // The scheduler whose execution runs on this fiber; null outside of one.
  static Scheduler* current() noexcept { return current_; }

  // The scheduling point before an operation. May never return: the thread may be killed here.
  void point(const std::source_location& where);

  // A new thread, which may run at once; process: its own unless several die together; -1: it
  // cannot be killed. Returns its id.
  int spawn(std::string name, coeval::Function<void()> body, int process);

  // Blocks until a wake on address, or the deadline; false: the deadline passed.
  bool sleep(const void* address, std::int64_t deadline_ns, const std::source_location& where);
  void wake(const void* address, bool all);

  // Blocks until the threads, a bit each, have ended or were killed, and learns all that they knew.
  void join(std::uint32_t threads, const std::source_location& where);

  // Lets the others go first until one of them has written something.
  void pause(const std::source_location& where);
  void wrote() noexcept;  // something was written

  // Ends the execution with a failure.
  [[noreturn]] void fail(std::string failure);

  int running() const noexcept { return running_; }
  bool has_ended(int thread) const noexcept { return ((ended_ | killed_) & bit(thread)) != 0; }
  bool was_killed(int thread) const noexcept { return (killed_ & bit(thread)) != 0; }
  const std::string& name(int thread) const noexcept { return threads_[index(thread)].name; }
  void rename(int thread, std::string name) { threads_[index(thread)].name = std::move(name); }
  std::int64_t now_ns() const noexcept { return now_ns_; }
  bool spurious_failure();  // whether a weak compare-exchange fails here for no reason
  MemoryModel& memory() noexcept { return memory_; }
  Trace* trace() noexcept { return trace_; }

 private:
  struct Thread {
    Locals locals;
    std::string name;
    coeval::Function<void()> body;
    std::source_location where;       // of its last operation
    const void* sleeps_on = nullptr;  // an address
    std::uint32_t joins = 0;          // the threads it waits for, a bit each
    std::int64_t deadline_ns = 0;
    int process = -1;
    bool timed_out = false;
  };

  static std::size_t index(int thread) noexcept { return static_cast<std::size_t>(thread); }
  static std::uint32_t bit(int thread) noexcept { return std::uint32_t{1} << index(thread); }
  static void enter(void* scheduler);
  void run_thread();
  [[noreturn]] void end_thread(std::uint32_t& kind, std::uint32_t threads);
  void step(const std::source_location& where);
  void decide();
  void collect_candidates();
  void collect(std::uint32_t threads, Candidate::Reason reason) noexcept;
  void resume(Candidate candidate);
  void wake_joiners();
  void maybe_die();
  [[noreturn]] void leave();
  std::string describe_waits() const;

  inline static constinit Scheduler* current_ = nullptr;

  const Options& options_;
  const int preemptions_;
  std::array<Thread, max_threads> threads_;
  MemoryModel memory_;

  // Of the execution that runs:
  Chooser* chooser_ = nullptr;
  Trace* trace_ = nullptr;
  std::string failure_;
  std::array<Candidate, std::size_t{2} * max_threads> candidates_{};
  int candidate_count_ = 0;
  int count_ = 0;  // of threads, those that ended included
  int running_ = 0;
  int steps_ = 0;
  int preemptions_left_ = 0;
  int timeouts_left_ = 0;
  int spurious_left_ = 0;
  int kills_left_ = 0;
  int fruitless_ = 0;  // pauses that ended since the last write
  // What the threads do, a bit each:
  std::uint32_t ready_ = 0;
  std::uint32_t pausing_ = 0;   // ready, but there is no use before a write
  std::uint32_t sleeping_ = 0;  // until a wake
  std::uint32_t timed_ = 0;     // sleeping with a deadline
  std::uint32_t joining_ = 0;
  std::uint32_t ended_ = 0;
  std::uint32_t killed_ = 0;
  std::int64_t now_ns_ = 0;
  bool granted_ = false;  // the running thread was chosen and has not acted since
  bool failed_ = false;
};

}  // namespace model
