// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The kinds of tasks: how each is submitted, and how its result is checked.

#include "soak/launch.hpp"
#include "soak/temper.hpp"

#include <coeval/multiprocessing/connection.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace soak {

// Gives a pool one task after the other, as the dice have it; of one thread. Pool: an executor, or
// whatever submits as one.
template <class Pool>
class Mixture : private Launch<Pool> {
 public:
  Mixture(Pool& pool, Character character, Landings& landings, Ledger& ledger, Dice& dice)
      : Launch<Pool>(pool, landings, dice), character_(character), ledger_(ledger), temper_(dice) {}

  // Nothing if the pool refused it.
  std::optional<Flight> submit(TaskId id) {
    begin(id, temper_.manner(dice_));
    const bool taken = submit_a_kind();
    return taken ? std::optional(std::move(flight_)) : std::nullopt;
  }

 private:
  using Act = Expectation::Act;
  using Launch<Pool>::pool_;
  using Launch<Pool>::dice_;
  using Launch<Pool>::options_;
  using Launch<Pool>::flight_;
  using Launch<Pool>::manner_;
  using Launch<Pool>::begin;
  using Launch<Pool>::may_be_tried_again;
  using Launch<Pool>::answers;
  using Launch<Pool>::answers_into;
  using Launch<Pool>::try_to_submit;
  using Launch<Pool>::watch;
  using Launch<Pool>::take_off;

  bool submit_a_kind() {
    const std::uint64_t kind = temper_.kind(dice_);
    if (kind < 250) {
      return submit_small();
    }
    if (kind < 640) {
      return submit_reader();
    }
    if (kind < 780) {
      return submit_maker();
    }
    if (kind < 900) {
      return submit_user_of_handles();
    }
    if (kind < 960) {
      return submit_chain();
    }
    if (kind < 990) {
      flight_.expected.act = Act::raises;
      flight_.expected.text = error_text(flight_.id);
      return this->template go<std::uint64_t>("an error", never_right<std::uint64_t>, raise_error,
                                              flight_.id,
                                              static_cast<int>(dice_.below(error_kinds)));
    }
    return character_.runs_in_caller ? submit_small() : submit_troublemaker();
  }

  bool submit_small() {
    may_be_tried_again();
    if (dice_.one_in(2)) {
      return this->template go<std::uint64_t>("tiny", equals(mixed(flight_.id)), tiny, flight_.id);
    }
    flight_.expected.counts_its_runs = false;
    return dice_.one_in(temper_.sleeps_one_in)
               ? this->template go<std::uint64_t>("nothing<200>", equals(mixed(200)), nothing<200>)
               : this->template go<std::uint64_t>("nothing<0>", equals(mixed(0)), nothing<0>);
  }

  bool submit_reader() {
    may_be_tried_again();
    const TaskId id = flight_.id;
    const std::size_t size = temper_.size(dice_);
    switch (dice_.below(5)) {
      case 0: {
        Bytes bytes = bytes_of(id, size);
        const std::uint64_t sum = checksum(bytes);
        return this->template go<Answer>("a copy", answers(sum), read_copy, id, std::move(bytes),
                                         manner_);
      }
      case 1: {
        Bytes bytes = bytes_of(id, size);
        const std::uint64_t sum = checksum(bytes);
        return this->template go<Answer>("a view", answers(sum), read_view, id, std::move(bytes),
                                         manner_);
      }
      case 2: {
        std::vector<double> numbers(size / sizeof(double));
        fill({reinterpret_cast<std::uint8_t*>(numbers.data()), numbers.size() * sizeof(double)},
             id);
        const std::uint64_t sum =
            checksum(std::span(reinterpret_cast<const std::uint8_t*>(numbers.data()),
                               numbers.size() * sizeof(double)));
        return this->template go<Answer>("numbers", answers(sum), read_numbers, id, manner_,
                                         std::move(numbers));
      }
      case 3: {
        std::string text = text_of(id, size);
        const std::uint64_t sum = checksum(text);
        return this->template go<Answer>("a text", answers(sum), read_text, std::move(text), id,
                                         manner_);
      }
      default:
        return submit_words();
    }
  }

  bool submit_words() {
    std::vector<std::string> words(dice_.below(20));
    std::uint64_t sum = words.size();
    for (std::string& word : words) {
      word = text_of(dice_.number(), dice_.size_up_to(500));
      sum = mixed(sum ^ checksum(word));
    }
    return this->template go<Answer>("words", answers(sum), read_words, flight_.id,
                                     std::move(words), manner_);
  }

  bool submit_maker() {
    may_be_tried_again();
    if (dice_.one_in(4)) {
      const auto check = [id = flight_.id, size = manner_.size](
                             const SharedArray<std::uint8_t>& array) -> std::string {
        const bool is_right = std::ranges::equal(array.span(), bytes_of(id, size));
        return is_right ? "" : "another array";
      };
      return this->template go<SharedArray<std::uint8_t>>("an array of its own", check, make_array,
                                                          flight_.id, manner_);
    }
    return this->template go<std::string>("a text of its own",
                                          equals(text_of(flight_.id, manner_.size)), make_text,
                                          flight_.id, manner_);
  }

  bool submit_user_of_handles() {
    switch (dice_.below(4)) {
      case 0: {
        const SharedArray<std::uint8_t> array(bytes_of(flight_.id, dice_.size_up_to(20'000)));
        return this->template go<Answer>("an array", answers_into(array.span(), array), use_array,
                                         flight_.id, array, manner_);
      }
      case 1: {
        const SharedMemory memory(dice_.size_up_to(20'000) + 1);
        const std::span bytes(reinterpret_cast<std::uint8_t*>(memory.data()), memory.size());
        fill(bytes, flight_.id);
        return this->template go<Answer>("memory", answers_into(bytes, memory), use_memory,
                                         flight_.id, memory, manner_);
      }
      case 2:
        return submit_user_of_connection();
      default:
        awaited_.insert(flight_.id);
        return this->go_void(
            "a queue", [this, id = flight_.id] { return fault_of_queue(id); }, use_queue,
            flight_.id, queue_);
    }
  }

  // The value of a task that returned is there; of one that died it may be.
  std::string fault_of_queue(TaskId returned) {
    while (const auto id = queue_.try_get()) {
      if (awaited_.erase(*id) == 0) {
        ledger_.found(Fault::doubled, "a value came out of the queue twice, or nobody put it");
      }
    }
    return awaited_.contains(returned) ? "what it put into the queue has not come" : "";
  }

  bool submit_user_of_connection() {
    auto [here, there] = coeval::multiprocessing::Pipe();
    manner_.size %= 100'000;
    const auto check = [end = std::make_shared<Connection>(std::move(here)), id = flight_.id,
                        size = manner_.size] {
      return fault_of(end->template recv<Answer>(), id, mixed(id), size);
    };
    return this->go_void("a connection", check, use_connection, flight_.id, std::move(there),
                         manner_);
  }

  // What one thread has submitted goes on in the thread that completes it, or in the pool.
  bool submit_chain() {
    const bool in_pool = !character_.is_bounded && dice_.one_in(2);
    auto first = try_to_submit(tiny, flight_.id);
    if (!first) {
      return false;
    }
    flight_.expected.can_be_cancelled = false;
    watch(*first);
    auto last = in_pool ? first->then(pool_, mixed_once_more) : first->then(mixed_once_more);
    return take_off("a chain", std::move(last), equals(mixed(mixed(flight_.id))));
  }
  static std::uint64_t mixed_once_more(std::uint64_t n) { return mixed(n); }

  bool submit_troublemaker() {
    if (character_.in_processes && dice_.one_in(2)) {
      const int kind = static_cast<int>(dice_.below(death_kinds));
      flight_.expected.act = Act::ends_its_process;
      flight_.expected.exitcode = exitcode_of_death(flight_.id, kind);
      return this->template go<std::uint64_t>("the end of its process", never_right<std::uint64_t>,
                                              end_process, flight_.id, kind);
    }
    flight_.expected.act = Act::never_ends;
    const bool by_limit = dice_.one_in(2);
    options_.timeout = std::chrono::milliseconds(by_limit ? 1 + dice_.below(10) : 3'600'000);
    flight_.expected.was_stopped = !by_limit;
    const auto check = equals(mixed(flight_.id));
    const std::uint64_t how = character_.in_processes ? dice_.below(20) : 10;
    const bool taken =
        how >= 10  ? this->template go<std::uint64_t>("until it is stopped", check, until_stopped,
                                                      flight_.id)
        : how >= 1 ? this->template go<std::uint64_t>("for ever", check, for_ever, flight_.id)
                   : this->template go<std::uint64_t>("for ever and deaf", check, for_ever_deaf,
                                                      flight_.id);
    if (taken && !by_limit) {
      for (std::uint64_t pause = dice_.below(300'000); pause > 0; --pause) {
        asm volatile("");
      }
      flight_.future.stop();
    }
    return taken;
  }

  const Character character_;
  Ledger& ledger_;
  const Temper temper_;
  Queue<std::uint64_t> queue_;
  std::set<TaskId> awaited_;
};

}  // namespace soak
