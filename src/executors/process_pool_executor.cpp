// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/process_pool_executor.hpp>

#include "executors/common/exit_list.hpp"
#include "executors/processes/pool/process_pool.hpp"

#include <utility>

namespace coeval {

ProcessPoolExecutor::ProcessPoolExecutor(ProcessPoolOptions options)
    : ProcessPoolExecutor(std::move(options), pickle::Parcel(), Packed()) {}

ProcessPoolExecutor::ProcessPoolExecutor(ProcessPoolOptions options, pickle::Parcel initializer,
                                         Packed) {
  auto pool = std::make_shared<detail::ProcessPool>(std::move(options), std::move(initializer));
  detail::shut_down_at_exit(pool);
  pool->start_manager();
  backend_ = std::move(pool);
}

ProcessPoolExecutor::~ProcessPoolExecutor() {
  backend_->shutdown({});
}

}  // namespace coeval
