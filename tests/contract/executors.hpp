// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The executors that the contract suite runs over. Those of one type differ only in how they are
// made, so each test is compiled once for a type and registered for each way to make it. A new way
// joins the suite by a line in its type's struct, a new type by a struct here and its name in the
// lists; no test changes.

#include "contract/gate.hpp"

#include <coeval/executors/executors.hpp>
#include <coeval/futures/futures.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace coeval::contract {

// A way to make an executor.
template <class Executor>
struct Maker {
  const char* name;  // contract/SubmitTest/one_thread.…
  Executor (*make)();
};

// The way of the test that runs, of its type's makers.
inline std::size_t maker_in_use = 0;

// What the suite asks of each struct:
//   makers        each makes a new executor that runs at least one task and takes 3 more while all
//                 workers are busy
//   is_concurrent whether submit returns before the task has run, so that a pending one can be seen
//   crosses       whether tasks run in other processes: exceptions of the program's own types come
//                 back as RemoteError then, and stop() kills
//   Gate          holds tasks of this executor; see gate.hpp

struct Inline {
  static constexpr bool is_concurrent = false;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static constexpr auto makers =
      std::to_array<Maker<InlineExecutor>>({{"inline", [] { return InlineExecutor(); }}});
};

struct ThreadPools {
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static constexpr auto makers = std::to_array<Maker<ThreadPoolExecutor>>(
      {{"threads", [] { return ThreadPoolExecutor(); }},
       {"one_thread", [] { return ThreadPoolExecutor({.max_workers = 1}); }},
       {"bounded_threads", [] {
          return ThreadPoolExecutor(
              {.max_workers = 2, .max_queue = 3, .when_full = WhenFull::block});
        }}});
};

struct AnyThreads {
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static constexpr auto makers = std::to_array<Maker<AnyExecutor>>(
      {{"any_threads", [] { return make_executor("threads:2"); }}});
};

struct AnyInline {
  static constexpr bool is_concurrent = false;
  static constexpr bool crosses = false;
  using Gate = InProcessGate;
  static constexpr auto makers =
      std::to_array<Maker<AnyExecutor>>({{"any_inline", [] { return make_executor("inline"); }}});
};

struct ProcessPools {
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = true;
  using Gate = CrossProcessGate;
  static constexpr auto makers = std::to_array<Maker<ProcessPoolExecutor>>(
      {{"processes", [] { return ProcessPoolExecutor({.max_workers = 2}); }},
       {"one_process", [] { return ProcessPoolExecutor({.max_workers = 1}); }},
       {"bounded_processes", [] {
          return ProcessPoolExecutor({.max_workers = 2,
                                      .max_tasks_per_child = 100,
                                      .max_queue = 3,
                                      .when_full = WhenFull::block});
        }}});
};

struct AnyProcesses {
  static constexpr bool is_concurrent = true;
  static constexpr bool crosses = true;
  using Gate = CrossProcessGate;
  static constexpr auto makers = std::to_array<Maker<AnyExecutor>>(
      {{"any_processes", [] { return make_executor("processes:2"); }}});
};

template <class... Types>
struct TypeList {};
using AllExecutors =
    TypeList<Inline, ThreadPools, AnyThreads, AnyInline, ProcessPools, AnyProcesses>;
using ConcurrentExecutors = TypeList<ThreadPools, AnyThreads, ProcessPools, AnyProcesses>;

// The base of the suites: each test has an executor of its own.
template <class Type>
class ExecutorTest : public testing::Test {
 public:
  using Executors = AllExecutors;

 protected:
  // Another like pool_.
  static auto make() { return Type::makers[maker_in_use].make(); }

  decltype(make()) pool_ = make();
};

// The base of the suites about tasks that wait in the queue: every worker is held at the gate,
// until release() or the end of the test.
template <class Type>
class BusyExecutorTest : public ExecutorTest<Type> {
 public:
  using Executors = ConcurrentExecutors;

 protected:
  using Gate = typename Type::Gate;

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

// Registers a test of a suite for each way to make each of the suite's executors.
template <template <class> class Suite, template <class> class Test>
struct Registration {
  Registration(const char* suite, const char* test, const char* file, int line) {
    add_all(suite, test, file, line, typename Suite<ThreadPools>::Executors());
  }

 private:
  template <class... Types>
  static void add_all(const char* suite, const char* test, const char* file, int line,
                      TypeList<Types...> /*types*/) {
    (add<Types>(suite, test, file, line), ...);
  }
  template <class Type>
  static void add(const std::string& suite, const char* test, const char* file, int line) {
    for (std::size_t i = 0; i < Type::makers.size(); ++i) {
      testing::RegisterTest((suite + "/" + Type::makers[i].name).c_str(), test, nullptr, nullptr,
                            file, line, [i]() -> Suite<Type>* {
                              maker_in_use = i;
                              return new Test<Type>;
                            });
    }
  }
};

// As TYPED_TEST, for suites of executors: TypeParam is one of the structs above.
#define CONTRACT_TEST(suite, test)                                                                 \
  template <class TypeParam>                                                                       \
  class suite##_##test : public suite<TypeParam> {                                                 \
    void TestBody() override;                                                                      \
  };                                                                                               \
  const Registration<suite, suite##_##test> suite##_##test##_registration(#suite, #test, __FILE__, \
                                                                          __LINE__);               \
  template <class TypeParam>                                                                       \
  void suite##_##test<TypeParam>::TestBody()

}  // namespace coeval::contract
