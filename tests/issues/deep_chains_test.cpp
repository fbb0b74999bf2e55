// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Graphs of futures as deep as one likes, on a stack of 256 KB: however they end, completion and
// destruction are loops.

#include "support/sanitizers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/futures/when_all.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using coeval::Future;
using coeval::Promise;

constexpr int links = support::under_sanitizer ? 20'000 : 100'000;

// Its deepest part has a stack of 256 KB; instrumented code needs a few times as much.
void on_small_stack(const std::function<void()>& body) {
  constexpr std::size_t size = (support::under_sanitizer ? 4 : 1) * std::size_t{256} * 1024;
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size), 0);
  pthread_t thread;
  const auto run = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&body)),
            0);
  pthread_attr_destroy(&attributes);
  pthread_join(thread, nullptr);
}

Future<int> chained(Future<int> first) {
  for (int i = 0; i < links; ++i) {
    first = first.then([](const int& n) { return n + 1; });
  }
  return first;
}

TEST(DeepChain, completes) {
  on_small_stack([] {
    Promise<int> promise;
    const Future<int> last = chained(promise.future());
    promise.set_result(0);
    EXPECT_EQ(last.result(), links);
  });
}

TEST(DeepChain, fails) {
  on_small_stack([] {
    Promise<int> promise;
    const Future<int> last = chained(promise.future());
    promise.set_exception(std::domain_error("the first"));
    EXPECT_THROW(last.result(), std::domain_error);
  });
}

TEST(DeepChain, is_cancelled) {
  on_small_stack([] {
    Promise<int> promise;
    const Future<int> first = promise.future();
    const Future<int> last = chained(first);
    EXPECT_TRUE(first.cancel());
    EXPECT_TRUE(last.cancelled());
  });
}

TEST(DeepChain, is_broken_by_a_dropped_promise) {
  on_small_stack([] {
    std::optional<Promise<int>> promise(std::in_place);
    const Future<int> last = chained(promise->future());
    promise.reset();
    EXPECT_THROW(last.result(), coeval::BrokenPromise);
  });
}

TEST(DeepChain, is_dropped_before_it_is_done) {
  on_small_stack([] {
    Promise<int> promise;
    chained(promise.future());
    promise.set_result(0);
  });
}

TEST(DeepChain, fails_in_its_middle) {
  on_small_stack([] {
    Promise<int> promise;
    const Future<int> middle =
        chained(promise.future()).then([](const int&) -> int { throw std::domain_error("here"); });
    const Future<int> last = chained(middle);
    promise.set_result(0);
    EXPECT_THROW(last.result(), std::domain_error);
  });
}

TEST(DeepChain, goes_through_mixed_executors) {
  on_small_stack([] {
    coeval::InlineExecutor in_line;
    coeval::ThreadPoolExecutor pool({.max_workers = 2});
    Promise<int> promise;
    Future<int> last = promise.future();
    const auto add = [](const int& n) { return n + 1; };
    for (int i = 0; i < links; ++i) {
      last = i % 1'000 == 999 ? last.then(pool, add)
             : i % 2 == 0     ? last.then(in_line, add)
                              : last.then(add);
    }
    promise.set_result(0);
    EXPECT_EQ(last.result(), links);
  });
}

// Each callback of the program completes the next promise.
TEST(DeepChain, of_promises_completed_by_callbacks) {
  on_small_stack([] {
    std::vector<Promise<int>> promises(static_cast<std::size_t>(links));
    for (std::size_t i = 0; i + 1 < promises.size(); ++i) {
      promises[i].future().add_done_callback(
          [&promises, i](const Future<int>& f) { promises[i + 1].set_result(f.result() + 1); });
    }
    promises.front().set_result(1);
    EXPECT_EQ(promises.back().future().result(), links);
  });
}

TEST(DeepChain, of_promises_held_by_callbacks_is_dropped) {
  on_small_stack([] {
    std::optional<Promise<int>> first(std::in_place);
    Promise<int> last;
    const Future<int> end = last.future();
    Promise<int> held = std::move(last);
    for (int i = 0; i < links; ++i) {
      Promise<int> next;
      next.future().add_done_callback([held = std::move(held)](const Future<int>&) {});
      held = std::move(next);
    }
    first = std::move(held);
    first.reset();
    EXPECT_THROW(end.result(), coeval::BrokenPromise);
  });
}

struct Node {
  Future<Node> next;
  Future<Node> other;
};

TEST(DeepChain, of_results_that_hold_futures_is_destroyed) {
  on_small_stack([] {
    Future<Node> head;
    for (int i = 0; i < links; ++i) {
      Promise<Node> promise;
      promise.set_result(Node{.next = head, .other = {}});
      head = promise.future();
    }
  });
}

TEST(DeepTree, of_results_that_hold_futures_is_destroyed) {
  on_small_stack([] {
    std::vector<Future<Node>> level;
    for (int i = 0; i < links; ++i) {
      const auto at = static_cast<std::size_t>(i);
      Promise<Node> promise;
      promise.set_result(Node{.next = at == 0 ? Future<Node>() : level[at - 1],
                              .other = at == 0 ? Future<Node>() : level[at / 2]});
      level.push_back(promise.future());
    }
    const Future<Node> last = level.back();
    level.clear();
    EXPECT_TRUE(last.done());
  });
}

// A diamond: two ways from each node to the next.
Future<int> diamonds(Future<int> from, int count) {
  for (int i = 0; i < count; ++i) {
    const auto left = from.then([](const int& n) { return n; });
    const auto right = from.then([](const int&) { return 1; });
    from = coeval::when_all(left, right).then([](const std::tuple<int, int>& both) {
      return std::get<0>(both) + std::get<1>(both);
    });
  }
  return from;
}

TEST(DeepDiamonds, complete) {
  on_small_stack([] {
    Promise<int> promise;
    const Future<int> last = diamonds(promise.future(), links / 4);
    promise.set_result(0);
    EXPECT_EQ(last.result(), links / 4);
  });
}

TEST(DeepDiamonds, fail) {
  on_small_stack([] {
    Promise<int> promise;
    const Future<int> last = diamonds(promise.future(), links / 4);
    promise.set_exception(std::domain_error("the first"));
    EXPECT_THROW(last.result(), std::domain_error);
  });
}

TEST(DeepWhenAll, is_cancelled) {
  on_small_stack([] {
    using Value = std::vector<std::shared_ptr<int>>;
    Promise<Value> promise;
    Future<Value> last = promise.future();
    std::vector<Future<Value>> kept;
    for (int i = 0; i < links; ++i) {
      kept.push_back(last);
      last = coeval::when_all({last}).then([](const std::vector<Value>& all) { return all[0]; });
    }
    EXPECT_TRUE(kept.front().cancel());
    EXPECT_TRUE(last.done());
    EXPECT_THROW(last.result(), coeval::CancelledError);
  });
}

TEST(DeepWhenAll, completes_and_is_destroyed) {
  on_small_stack([] {
    Promise<int> promise;
    Future<int> last = promise.future();
    for (int i = 0; i < links; ++i) {
      last = coeval::when_all({last, last}).then([](const std::vector<int>& all) {
        return all[0] + 1;
      });
    }
    promise.set_result(0);
    EXPECT_EQ(last.result(), links);
  });
}

// What depends on the order: callbacks of one future run in the order of their registration, and what
// one of them completes runs inside it, in a deep place too.
TEST(DeepChain, keeps_the_order_of_callbacks) {
  on_small_stack([] {
    for (const int depth : {0, 5, 15, 16, 17, 100}) {
      std::vector<int> order;
      Promise<int> promise;
      Future<int> last = promise.future();
      for (int i = 0; i < depth; ++i) {
        last = last.then([](const int& n) { return n; });
      }
      const auto first = last.then([&order](const int&) { order.push_back(1); });
      first.add_done_callback([&order](const Future<void>&) { order.push_back(2); });
      first.then([&order] { order.push_back(3); }).add_done_callback([&order](const Future<void>&) {
        order.push_back(4);
      });
      last.add_done_callback([&order](const Future<int>&) { order.push_back(5); });
      last.then([&order](const int&) { order.push_back(6); });
      promise.set_result(0);
      EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5, 6})) << "at depth " << depth;
    }
  });
}

// A deep callback waits for what would only be completed after it.
TEST(DeepChain, a_deep_callback_may_wait_for_what_it_has_set_off) {
  on_small_stack([] {
    for (const int depth : {0, 15, 16, 17, 40}) {
      std::vector<Promise<int>> promises(static_cast<std::size_t>(depth) + 2);
      int result = 0;
      for (std::size_t i = 0; i + 1 < promises.size(); ++i) {
        promises[i].future().add_done_callback([&, i](const Future<int>&) {
          const auto after = promises[i + 1].future().then([](const int& n) { return n + 1; });
          promises[i + 1].set_result(static_cast<int>(i));
          result = after.result();
        });
      }
      promises.front().set_result(0);
      EXPECT_GT(result, 0) << "at depth " << depth;
    }
  });
}

TEST(DeepChain, a_deep_callback_may_use_a_pool) {
  on_small_stack([] {
    coeval::ThreadPoolExecutor pool({.max_workers = 1});
    std::vector<Promise<int>> promises(40);
    int done = 0;
    for (std::size_t i = 0; i + 1 < promises.size(); ++i) {
      promises[i].future().add_done_callback([&, i](const Future<int>&) {
        const auto task = pool.submit([] { return 1; });
        const std::vector<Future<int>> waited{task.then([](const int& n) { return n; })};
        for (const auto& each : coeval::as_completed(waited)) {
          done += each.result();
        }
        promises[i + 1].set_result(0);
      });
    }
    pool.submit([&promises] { promises.front().set_result(0); }).result();
    EXPECT_EQ(done, 39);
  });
}

}  // namespace
