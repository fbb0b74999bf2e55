// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/hooks.hpp>

namespace coeval {

TaskObserver::~TaskObserver() = default;

namespace detail {
std::atomic<TaskObserver*> task_observer{nullptr};
}

TaskObserver* set_task_observer(TaskObserver* observer) noexcept {
  return detail::task_observer.exchange(observer, std::memory_order_acq_rel);
}

}  // namespace coeval
