// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Unordered: what an UnorderedRange has.

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/multiprocessing/detail/pool_arrivals.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing::detail {

using coeval::detail::MapPace;
using coeval::detail::ResultCell;
using coeval::detail::Stored;

// How many inputs an imap_unordered submits, and when.
class COEVAL_EXPORT Lead {
 public:
  // pace, if it is not null, is that of the executor.
  Lead(const MapOptions& options, std::size_t workers, const MapPace* pace) noexcept;

  // The pace for what is submitted together; null: as the options say.
  const MapPace* batch_pace() const noexcept { return finds_batch_ ? pace_ : nullptr; }
  // How many inputs to submit now, where so many results were not passed: several, as a few at a time
  // cost less than each by itself.
  std::size_t room(std::size_t outstanding) noexcept {
    return outstanding > enough_ ? 0 : find_room(outstanding);
  }
  // Whether the tasks are so short that they are worth no wake.
  bool is_short() const noexcept;
  // The results of one worker come in the order of their inputs, as in Python.
  Arrivals::Order order() const noexcept { return order_; }

 private:
  std::size_t find_room(std::size_t outstanding) noexcept;

  const MapPace* pace_;  // belongs to who submits
  std::size_t ahead_;
  std::size_t batch_;
  std::size_t enough_;  // with more outstanding there is nothing to submit
  bool finds_ahead_;
  bool finds_batch_;
  Arrivals::Order order_;
};

// What an UnorderedRange has: the tasks that were submitted and not read.
template <class T>
class Unordered {
 public:
  // As MapRange's.
  using SubmitSome = Function<bool(std::vector<Future<T>>&, std::size_t)>;

  Unordered(const Lead& lead, Deadline timeout, SubmitSome submit_some)
      : submit_some_(std::move(submit_some)),
        lead_(lead),
        timeout_(timeout),
        awaited_(new AllAwaited(lead.order())) {
    refill();
  }
  Unordered(const Unordered&) = delete;
  Unordered& operator=(const Unordered&) = delete;
  ~Unordered() { cancel(); }

  bool at_end() const noexcept {
    return outstanding() == 0 && !current_.valid() && !input_error_.valid();
  }

  // These wait for the one that is to be read; not at the end.
  Stored<T>& front() {
    receive(never);
    current_.get_cell()->require_value(never);
    return static_cast<ResultCell<T>&>(*current_.get_cell()).value();
  }

  void advance() {
    receive(never);
    current_ = Future<T>();
    refill();
  }

  std::optional<Stored<T>> next(Deadline deadline) {
    receive(deadline);
    Future<T> done = std::exchange(current_, Future<T>());
    refill();
    if constexpr (std::is_void_v<T>) {
      done.result();
      return Stored<T>();
    } else {
      return done.take();
    }
  }

  void cancel() noexcept {
    submit_some_ = nullptr;
    awaited_.reset();
    current_ = input_error_ = Future<T>();
  }

 private:
  // In a cache line of its own, as it goes from thread to thread.
  struct alignas(64) Awaited final : Arrival {
    Future<T> future;
  };

  // Stays as long as a task may tell it that it is done.
  struct AllAwaited final : Arrivals {
    using Arrivals::Arrivals;
    void watch(Future<T>&& future) {
      Awaited& one = free == nullptr ? all.emplace_back() : *free;
      free = static_cast<Awaited*>(one.next);
      one.future = std::move(future);
      Arrivals::watch(*one.future.get_cell(), one);
    }
    Future<T> take_from(Awaited& one) noexcept {
      one.next = std::exchange(free, &one);
      return std::exchange(one.future, Future<T>());
    }

    std::deque<Awaited> all;
    Awaited* free = nullptr;  // those that watch nothing, linked by next
  };

  struct Close {
    void operator()(AllAwaited* awaited) const noexcept {
      awaited->stop();
      for (Awaited& one : awaited->all) {
        one.future = Future<T>();
      }
      awaited->close();
    }
  };

  std::size_t outstanding() const noexcept {
    return awaited_ == nullptr ? 0 : awaited_->outstanding();
  }

  void receive(Deadline deadline) {
    if (current_.valid()) {
      return;
    }
    if (outstanding() == 0) {
      current_ = std::exchange(input_error_, Future<T>());
      return;
    }
    Arrival* arrival = awaited_->take();
    if (arrival == nullptr) {
      arrival = wait(std::min(deadline, timeout_));
    }
    current_ = awaited_->take_from(static_cast<Awaited&>(*arrival));
  }

  Arrival* wait(Deadline deadline) {
    Arrival* const arrival = awaited_->wait(deadline, lead_.is_short());
    if (arrival == nullptr && timeout_.expired()) {
      cancel();
    }
    if (arrival == nullptr) {
      throw TimeoutError("coeval::multiprocessing::Pool::imap_unordered: no result came in time");
    }
    return arrival;
  }

  void refill() {
    const std::size_t room = submit_some_ ? lead_.room(outstanding()) : 0;
    if (room == 0) {
      return;
    }
    try {
      bool more = true;
      while (more && fresh_.size() < room) {
        more = submit_some_(fresh_, room - fresh_.size());
      }
      if (!more) {
        submit_some_ = nullptr;
      }
    } catch (...) {
      end_inputs(std::current_exception());
    }
    watch_fresh();
  }

  void watch_fresh() {
    auto future = fresh_.begin();
    try {
      for (; future != fresh_.end(); ++future) {
        awaited_->watch(std::move(*future));
      }
    } catch (...) {
      std::for_each(future, fresh_.end(), [](Future<T>& left) { left.get_cell()->stop(false); });
      end_inputs(std::current_exception());
    }
    fresh_.clear();
    if (!submit_some_) {
      fresh_.shrink_to_fit();
    }
  }

  void end_inputs(std::exception_ptr error) {
    submit_some_ = nullptr;
    Promise<T> failed;
    failed.set_exception(std::move(error));
    input_error_ = failed.future();
  }

  SubmitSome submit_some_;  // null: there are no more inputs
  Lead lead_;
  Deadline timeout_;
  std::unique_ptr<AllAwaited, Close> awaited_;  // null: the range was cancelled
  std::vector<Future<T>> fresh_;                // submitted, and not watched yet
  Future<T> current_;
  Future<T> input_error_;
};

}  // namespace coeval::multiprocessing::detail
