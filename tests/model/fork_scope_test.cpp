// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// TaskGroup and what lies below it, over the real pool: schedules of forks, thefts and joins.

#include "model/pool_model.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/executors/task_group.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using coeval::TaskGroup;
using coeval::ThreadPoolExecutor;

using ForkModel = ThreadPoolModel;

TEST_F(ForkModel, a_join_from_outside_ends_when_all_children_have) {
  explore("fork_outside", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    model::var<int> one;
    model::var<int> two;
    TaskGroup group(pool);
    group.run([&] { one.write(1); });
    group.run([&] { two.write(2); });
    group.wait();
    model::check(one.read() + two.read() == 3, "both have run");
    group.run([&] { one.write(4); });
    group.wait();
    model::check(one.read() == 4, "the group works again");
  });
}

TEST_F(ForkModel, groups_nest_in_each_other) {
  explore("fork_nested", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    model::var<int> inner;
    model::var<int> outer;
    TaskGroup group(pool);
    group.run([&] {
      TaskGroup nested(pool);
      nested.run([&] { inner.write(1); });
      nested.wait();
      outer.write(inner.read() + 1);
    });
    group.wait();
    model::check(outer.read() == 2, "the inner one came first");
  });
}

TEST_F(ForkModel, a_task_forks_and_joins) {
  explore("fork_in_task", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "pool"});
    const auto sum = pool.submit([&pool] {
      model::var<int> one;
      TaskGroup group(pool);
      group.run([&] { one.write(1); });
      group.wait();
      return one.read();
    });
    model::check(sum.result() == 1, "the child has run");
  });
}

TEST_F(ForkModel, the_first_error_reaches_the_join) {
  explore("fork_error", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    TaskGroup group(pool);
    group.run([] { throw std::runtime_error("one"); });
    group.run([] {});
    bool raised = false;
    try {
      group.wait();
    } catch (const coeval::ExceptionGroup& error) {
      raised = error.exceptions().size() == 1;
    }
    model::check(raised, "the error is there");
  });
}

TEST_F(ForkModel, a_thread_from_outside_waits_where_workers_have_an_initializer) {
  explore("fork_waits", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"}, [] {});
    model::var<int> one;
    TaskGroup group(pool);
    group.run([&] { one.write(1); });
    group.wait();
    model::check(one.read() == 1, "it has run");
  });
}

TEST_F(ForkModel, groups_of_one_thread_may_end_in_any_order) {
  explore("fork_crossed", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    model::var<int> one;
    model::var<int> two;
    TaskGroup first(pool);
    TaskGroup second(pool);
    first.run([&] { one.write(1); });
    second.run([&] { two.write(2); });
    first.wait();
    model::check(one.read() == 1, "the first");
    second.wait();
    model::check(two.read() == 2, "the second");
  });
}

}  // namespace
