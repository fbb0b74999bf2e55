// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How one task is submitted, and how its result is checked.

#include "soak/flight.hpp"
#include "soak/tasks.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/futures/executor.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace soak {

// Checks of results: each gives "", or what is wrong.
template <class T>
auto equals(T wanted) {
  return [wanted = std::move(wanted)](const T& result) -> std::string {
    return result == wanted ? "" : "another task's result";
  };
}
template <class T>
std::string never_right(const T&) {
  return "";  // that it returned is found elsewhere
}

// One task after the other on its way to a pool; of one thread.
template <class Pool>
class Launch {
 protected:
  Launch(Pool& pool, Landings& landings, Dice& dice)
      : pool_(pool), dice_(dice), landings_(landings) {}
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  ~Launch() = default;

  // A new task, with options by chance.
  void begin(TaskId id, Manner manner) {
    options_ = {};
    flight_ = {};
    flight_.id = id;
    manner_ = manner;
    choose_options();
  }

  void may_be_tried_again() {
    if (dice_.one_in(5)) {
      options_.max_retries = 1'000'000;
      flight_.expected.may_run_again = true;
    }
  }

  // Of an answer to arguments with this checksum.
  auto answers(std::uint64_t sum) const {
    return [id = flight_.id, sum, size = manner_.size](const Answer& answer) {
      return fault_of(answer, id, sum, size);
    };
  }
  // keeper: the handle that keeps the bytes.
  template <class Handle>
  auto answers_into(std::span<std::uint8_t> bytes, const Handle& keeper) const {
    return [check = answers(checksum(bytes)), bytes, keeper, id = flight_.id,
            sum = checksum(bytes)](const Answer& answer) {
      std::string fault = check(answer);
      if (fault.empty() && checksum(bytes) != checksum(bytes_of(id ^ sum, bytes.size()))) {
        fault = "what it wrote into shared memory is not there";
      }
      return fault;
    };
  }

  // Nothing if the pool has no room.
  template <class F, class... Args>
  auto try_to_submit(F f, Args&&... args)
      -> std::optional<decltype(std::declval<Pool&>().submit(f, std::forward<Args>(args)...))> {
    flight_.expected.has_limit = options_.timeout.count() != 0;
    try {
      if (options_.name.empty() && options_.priority == 0 && options_.max_retries == 0 &&
          !flight_.expected.has_limit) {
        return pool_.submit(f, std::forward<Args>(args)...);
      }
      if (dice_.one_in(4)) {
        return pool_.with(options_).try_submit(f, std::forward<Args>(args)...);
      }
      return pool_.with(options_).submit(f, std::forward<Args>(args)...);
    } catch (const coeval::QueueFull&) {
      return std::nullopt;
    }
  }

  template <class T, class Check, class F, class... Args>
  bool go(const char* kind, Check check, F f, Args&&... args) {
    auto future = try_to_submit(f, std::forward<Args>(args)...);
    if (!future) {
      return false;
    }
    watch(*future);
    return take_off(kind, std::move(*future), std::move(check));
  }

  template <class Check, class F, class... Args>
  bool go_void(const char* kind, Check check, F f, Args&&... args) {
    auto future = try_to_submit(f, std::forward<Args>(args)...);
    if (!future) {
      return false;
    }
    watch(*future);
    flight_.kind = kind;
    flight_.future = *future;
    flight_.fault_of_result = [future = std::move(*future), check = std::move(check)]() mutable {
      future.result();
      return check();
    };
    return true;
  }

  template <class Future>
  void watch(const Future& future) {
    future.add_done_callback([&landings = landings_, slot = slot_of(flight_.id)](const Future&) {
      landings.call_back(slot);
    });
  }

  template <class Future, class Check>
  bool take_off(const char* kind, Future future, Check check) {
    flight_.kind = kind;
    flight_.future = future;
    flight_.fault_of_result = [future = std::move(future), check = std::move(check)] {
      return check(future.result());
    };
    return true;
  }

  Pool& pool_;
  Dice& dice_;
  coeval::TaskOptions options_;
  Flight flight_;
  Manner manner_;

 private:
  void choose_options() {
    if (dice_.one_in(4)) {
      options_.name = "task-" + std::to_string(slot_of(flight_.id));
    }
    if (dice_.one_in(4)) {
      options_.priority = static_cast<int>(dice_.below(5)) - 2;
    }
    if (dice_.one_in(16)) {
      options_.timeout = std::chrono::hours(1);
    }
  }

  Landings& landings_;
};

}  // namespace soak
