// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Gates: how a test holds a task in a known place without looking at the clock. A task gets a
// ticket, a value that can go wherever the executor's tasks run, and stops at ticket.pass() until
// the test opens the gate; with ticket.arrive() it says where it is and goes on.

#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/semaphore.hpp>
#include <coeval/pickle/pickle.hpp>
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

// For executors whose tasks run in other processes.
class CrossProcessGate {
 public:
  class Ticket {
   public:
    Ticket(multiprocessing::Semaphore arrivals, multiprocessing::Event is_open)
        : arrivals_(std::move(arrivals)), is_open_(std::move(is_open)) {}
    void arrive() const { arrivals_.release(); }
    void pass() const {
      arrive();
      is_open_.wait();
    }

    void save(pickle::OutputArchive& archive) const { archive(arrivals_, is_open_); }
    static Ticket load(pickle::InputArchive& archive) {
      auto arrivals = archive.read<multiprocessing::Semaphore>();
      return Ticket(std::move(arrivals), archive.read<multiprocessing::Event>());
    }

   private:
    multiprocessing::Semaphore arrivals_;
    multiprocessing::Event is_open_;
  };

  Ticket ticket() const { return Ticket(arrivals_, is_open_); }
  void open() { is_open_.set(); }

  // Waits until count more tasks have come to the gate.
  void wait_for_arrivals(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      arrivals_.acquire();
    }
  }

 private:
  multiprocessing::Semaphore arrivals_{0};
  multiprocessing::Event is_open_;
};

// The task that waits at the gate.
template <class Ticket>
int pass(const Ticket& ticket, int value) {
  ticket.pass();
  return value;
}

}  // namespace coeval::contract
