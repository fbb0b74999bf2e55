// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/hooks.hpp>

#include <coeval/core/system.hpp>

namespace coeval {

TaskObserver::~TaskObserver() = default;

namespace detail {
std::atomic<TaskObserver*> task_observer{nullptr};

void tell_observer(TaskNotice notice) noexcept {
  // Acquire: the observer's own construction is visible to the one who calls it.
  if (TaskObserver* const observer = task_observer.load(std::memory_order_acquire)) {
    if (notice.time == std::chrono::steady_clock::time_point()) {
      notice.time += std::chrono::nanoseconds(sys().monotonic_ns());
    }
    observer->on_task(notice);
  }
}

}  // namespace detail

TaskObserver* set_task_observer(TaskObserver* observer) noexcept {
  return detail::task_observer.exchange(observer, std::memory_order_acq_rel);
}

}  // namespace coeval
