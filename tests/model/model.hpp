// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The schedule checker: runs a small concurrent program in every order that its threads could take,
// and says which order breaks it. docs/develop/model-checker.md tells how to write a test.
//
//   model::Result r = model::explore({.preemptions = 2}, [](model::Execution& x) {
//     coeval::atomic<int> counter{0};
//     for (const char* name : {"one", "two"}) {
//       x.thread(name, [&] { counter.fetch_add(1, std::memory_order_relaxed); });
//     }
//     x.run();
//     model::check(counter.load(std::memory_order_relaxed) == 2, "both were counted");
//   });
//   EXPECT_TRUE(r.ok()) << r.report();

#include "model/options.hpp"
#include "model/var.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/function.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

namespace model {

// A thread of an execution: an id, valid until the execution ends.
class ThreadHandle {
 public:
  explicit ThreadHandle(int id) noexcept : id_(id) {}

  // The number by which model::thread_id() calls it.
  int id() const noexcept { return id_; }

  // Blocks until the thread has ended or was killed. For other threads of the execution: the way in
  // which a parent learns of its child's death.
  void join(const std::source_location& where = std::source_location::current()) const;

  // After join: whether it was killed.
  bool killed() const noexcept;

 private:
  int id_;
};

// One execution, as the body of an exploration sees it. The body is itself a thread of the model,
// number 0 and called "main"; it makes the shared state anew in each execution.
class Execution {
 public:
  Execution() = default;
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  // Starts a thread. It can run as soon as the body waits: at run(), or at any wait of its own;
  // from the second operation of the body on an atomic, also before.
  ThreadHandle thread(std::string name, coeval::Function<void()> function);

  // The same for a thread which the scheduler may kill before each of its operations and at its
  // end: it never runs again, and no destructor on its stack runs. Threads of one process die
  // together.
  ThreadHandle killable(std::string name, coeval::Function<void()> function);
  ThreadHandle killable(std::string name, int process, coeval::Function<void()> function);

  // Waits until every thread that was started here has ended or was killed.
  void run(const std::source_location& where = std::source_location::current());

 private:
  std::uint32_t started_ = 0;  // a bit per thread
};

// Runs the body again and again, in a different order of its threads each time, until the orders or
// the executions run out or one fails. The body must do the same thing whenever the choices are the
// same: no clocks, no random numbers, no addresses that decide. Call it on one thread at a time.
//
// COEVAL_MODEL_REPLAY in the environment, as a failure's report gives it, makes every exploration
// (of that name, if it has one) run that one execution and print it. COEVAL_MODEL_SEED replaces the
// first seed, COEVAL_MODEL_TIMES multiplies the executions of random and pct searches, and
// COEVAL_MODEL_DEEPER=1 adds one to the preemptions of the exhaustive ones.
Result explore(const Options& options, const std::function<void(Execution&)>& body);

// Ends the execution as a failure with this text unless the condition holds.
void check(bool condition, std::string_view text,
           const std::source_location& where = std::source_location::current());

// The number of the calling thread: 0 for the body, then in the order in which they were started.
int thread_id() noexcept;

// Gives an object a name for the interleaving that a failure prints: its atomics are called name,
// name+8 and so on, by their place inside it.
void name_memory(const void* object, std::size_t size, std::string_view text);
template <class T>
void name(const T& object, std::string_view text) {
  name_memory(std::addressof(object), sizeof(T), text);
}

}  // namespace model
