// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

#include "executors/common/exit_list.hpp"
#include "executors/threads/thread_pool.hpp"

namespace coeval {

ThreadPoolExecutor::ThreadPoolExecutor(ThreadPoolOptions options)
    : ThreadPoolExecutor(std::move(options), nullptr, Erased()) {}

ThreadPoolExecutor::ThreadPoolExecutor(ThreadPoolOptions options, std::function<void()> initializer,
                                       Erased) {
  auto pool = std::make_shared<detail::ThreadPool>(std::move(options), std::move(initializer));
  detail::shut_down_at_exit(pool);
  backend_ = std::move(pool);
}

ThreadPoolExecutor::~ThreadPoolExecutor() {
  backend_->shutdown({});
}

}  // namespace coeval
