// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which executors are shut down when the process ends.

#include <coeval/core/annotations.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/thread.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace coeval::detail {

// Has a pool shut down when the process ends, if it is alive then. There is one list for each type of
// pool; the lists come in the reverse order of their first pools. Errors: std::bad_alloc; RuntimeError
// if the process is ending.
template <class Pool>
void shut_down_at_exit(const std::shared_ptr<Pool>& pool) {
  struct Pools {
    threading::Lock lock;
    std::vector<std::weak_ptr<Pool>> alive COEVAL_GUARDED_BY(lock);
    bool registered COEVAL_GUARDED_BY(lock) = false;
  };
  // Never destroyed: pools may be made and end at any time of the process's life.
  static Pools& pools = *new Pools;
  const threading::Guard guard(pools.lock);
  std::erase_if(pools.alive, [](const auto& one) { return one.expired(); });
  pools.alive.push_back(pool);
  if (!pools.registered) {
    threading::detail::register_at_exit([] {
      threading::Guard at_exit(pools.lock);
      const auto alive = std::exchange(pools.alive, {});
      at_exit.unlock();
      for (const auto& one : alive) {
        if (const auto left = one.lock()) {
          left->shut_down_at_exit();
        }
      }
    });
    pools.registered = true;
  }
}

}  // namespace coeval::detail
