// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Gates: how a test holds a task in a known place without looking at the clock. A task gets a
// ticket, a value that can go wherever the executor's tasks run, and stops at ticket.pass() until
// the test opens the gate; with ticket.arrive() it says where it is and goes on.

#include <coeval/threading/event.hpp>
#include <coeval/threading/semaphore.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace coeval::contract {

// For executors whose tasks run in the process of the test.
class InProcessGate {
  struct State {
    threading::Semaphore arrivals{0};
    threading::Event is_open;
  };

 public:
  class Ticket {
   public:
    explicit Ticket(std::shared_ptr<State> state) : state_(std::move(state)) {}
    void arrive() const { state_->arrivals.release(); }
    void pass() const {
      arrive();
      state_->is_open.wait();
    }

   private:
    std::shared_ptr<State> state_;
  };

  Ticket ticket() const { return Ticket(state_); }
  void open() { state_->is_open.set(); }

  // Waits until count more tasks have come to the gate.
  void wait_for_arrivals(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      state_->arrivals.acquire();
    }
  }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// The task that waits at the gate.
template <class Ticket>
int pass(const Ticket& ticket, int value) {
  ticket.pass();
  return value;
}

}  // namespace coeval::contract
