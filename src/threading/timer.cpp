// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/timer.hpp>

#include <coeval/core/atomic.hpp>
#include <coeval/threading/detail/wait.hpp>

#include <string_view>

namespace coeval::threading {
namespace {

constexpr std::uint32_t waiting = 0;
constexpr std::uint32_t cancelled = 1;
constexpr std::uint32_t fired = 2;

}  // namespace

// 1. The word leaves waiting once: to fired by the thread, which then calls the function, or to
//    cancelled, which then wakes the thread.
struct Timer::State {
  atomic<std::uint32_t> word{waiting};

  bool leave(std::uint32_t to) noexcept {
    std::uint32_t expected = waiting;
    // Invariant 1. Nothing else is published through the word.
    return word.compare_exchange_strong(expected, to, std::memory_order_relaxed,
                                        std::memory_order_relaxed);
  }
};

Timer::Timer(Seconds interval, ThreadOptions options, Function<void()> function)
    : state_(std::make_shared<State>()),
      thread_(std::move(options),
              [state = state_, interval, function = std::move(function)]() mutable {
                detail::wait_while(state->word, waiting, Deadline(interval));
                if (state->leave(fired)) {
                  function();
                }
              }) {
  static_cast<void>(Deadline(interval));  // raises for NaN here and not on the thread
}

Timer::~Timer() {
  cancel();
}  // and thread_ joins

void Timer::start() {
  thread_.start();
}

bool Timer::cancel() noexcept {
  if (state_->leave(cancelled)) {
    state_->word.notify_one();
    return true;
  }
  return state_->word.load(std::memory_order_relaxed) == cancelled;
}

std::string to_string(const Timer& timer) {
  constexpr std::string_view thread = "<Thread";
  return "<Timer" + to_string(timer.thread_).substr(thread.size());
}

}  // namespace coeval::threading
