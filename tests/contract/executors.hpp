// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The executors that the contract suite runs over: one traits struct each. A new kind of executor
// joins the suite by a struct here and its name in the lists at the end; no test changes.

#include "contract/gate.hpp"

#include <coeval/executors/executors.hpp>
#include <coeval/futures/futures.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace coeval::contract {

// What the suite asks of each struct:
//   name          in the names of the tests
//   make()        a new executor that runs at least one task and takes 3 more while all workers are
//                 busy
//   is_concurrent whether submit returns before the task has run, so that a pending one can be seen
//   crosses       whether tasks run in other processes: exceptions of the program's own types come
//                 back as RemoteError then, and stop() kills
//   Gate          holds tasks of this executor; see gate.hpp

struct Inline {
  static constexpr const char* name = "inline";
  static constexpr bool is_concurrent = false;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static InlineExecutor make() { return InlineExecutor(); }
};

struct Threads {
  static constexpr const char* name = "threads";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static ThreadPoolExecutor make() { return ThreadPoolExecutor(); }
};

struct OneThread {
  static constexpr const char* name = "one_thread";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static ThreadPoolExecutor make() { return ThreadPoolExecutor({.max_workers = 1}); }
};

struct BoundedThreads {
  static constexpr const char* name = "bounded_threads";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static ThreadPoolExecutor make() {
    return ThreadPoolExecutor({.max_workers = 2, .max_queue = 3, .when_full = WhenFull::block});
  }
};

struct AnyThreads {
  static constexpr const char* name = "any_threads";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static AnyExecutor make() { return make_executor("threads:2"); }
};

struct AnyInline {
  static constexpr const char* name = "any_inline";
  static constexpr bool is_concurrent = false;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static AnyExecutor make() { return make_executor("inline"); }
};

struct Processes {
  static constexpr const char* name = "processes";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = true;
  using Gate = CrossProcessGate;
  static ProcessPoolExecutor make() { return ProcessPoolExecutor({.max_workers = 2}); }
};

struct OneProcess {
  static constexpr const char* name = "one_process";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = true;
  using Gate = CrossProcessGate;
  static ProcessPoolExecutor make() { return ProcessPoolExecutor({.max_workers = 1}); }
};

struct BoundedProcesses {
  static constexpr const char* name = "bounded_processes";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = true;
  using Gate = CrossProcessGate;
  static ProcessPoolExecutor make() {
    return ProcessPoolExecutor({.max_workers = 2,
                                .max_tasks_per_child = 100,
                                .max_queue = 3,
                                .when_full = WhenFull::block});
  }
};

struct AnyProcesses {
  static constexpr const char* name = "any_processes";
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = true;
  using Gate = CrossProcessGate;
  static AnyExecutor make() { return make_executor("processes:2"); }
};

using AllExecutors =
    testing::Types<Inline, Threads, OneThread, BoundedThreads, AnyThreads, AnyInline, Processes,
                   OneProcess, BoundedProcesses, AnyProcesses>;
using ConcurrentExecutors = testing::Types<Threads, OneThread, BoundedThreads, AnyThreads,
                                           Processes, OneProcess, BoundedProcesses, AnyProcesses>;

// The last argument of TYPED_TEST_SUITE: contract/SubmitTest/one_thread.…
struct ExecutorNames {
  template <class Case>
  static std::string GetName(int /*index*/) {
    return Case::name;
  }
};

// The base of the suites: each test has an executor of its own.
template <class Case>
class ExecutorTest : public testing::Test {
 protected:
  decltype(Case::make()) pool_ = Case::make();
};

// The base of the suites about tasks that wait in the queue: every worker is held at the gate,
// until release() or the end of the test.
template <class Case>
class BusyExecutorTest : public ExecutorTest<Case> {
 protected:
  using Gate = typename Case::Gate;

  BusyExecutorTest() {
    const std::size_t workers = this->pool_.stats().max_workers;
    for (std::size_t i = 0; i < workers; ++i) {
      running_.push_back(this->pool_.submit(pass<typename Gate::Ticket>, gate_.ticket(), 7));
    }
    gate_.wait_for_arrivals(workers);
  }
  ~BusyExecutorTest() override { release(); }

  void release() { gate_.open(); }

  // The task of one of the workers; it returns 7.
  const Future<int>& running() const { return running_.front(); }

  Gate gate_;
  std::vector<Future<int>> running_;
};

}  // namespace coeval::contract
