// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "executors/processes/pool/process_pool.hpp"

#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/detail/backend.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace coeval::testing {

// Keeps what it is given. Its large memory is that of a pool, which has no processes.
class KeepingBackend final : public detail::ExecutorBackend {
 public:
  void enqueue(detail::CellRef task, const WhenFull* /*when_full*/) override {
    cells.push_back(std::move(task));
  }
  void shutdown(const ShutdownOptions& /*options*/) override {}
  ExecutorStats stats() const override { return {}; }
  std::size_t max_workers() const noexcept override { return 1; }
  detail::ProcessPool* process_pool() noexcept override { return pool_.get(); }

  std::vector<detail::CellRef> cells;

 private:
  const std::shared_ptr<detail::ProcessPool> pool_ =
      std::make_shared<detail::ProcessPool>(ProcessPoolOptions{.max_workers = 1}, pickle::Parcel());
};

}  // namespace coeval::testing
